// controlplane/cli/matrix_svg.h
//
// MatrixSvg(): who reaches whom as a picture: a square a pair, sources to the
// left, destinations above; what each square says is also in its title, so a
// browser shows it under the pointer.
//
// Pure function: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_MATRIX_SVG_H_
#define VSWITCH_CONTROLPLANE_CLI_MATRIX_SVG_H_

#include <cstdint>
#include <string>
#include <vector>

namespace vswitch {

enum class Reach : uint8_t { kNone, kSome, kAll, kNotAsked };

struct MatrixCell {
  Reach reach = Reach::kNotAsked;
  std::string text;  // "all", "none", "80, 443"
};

struct Matrix {
  std::string title;
  std::vector<std::string> names;
  std::vector<std::vector<MatrixCell>> cells;  // by source, then destination
};

// Returns an SVG document.
std::string MatrixSvg(const Matrix& matrix);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_MATRIX_SVG_H_
