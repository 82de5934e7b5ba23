// A grid of squares with rotated names above it.

#include "controlplane/cli/matrix_svg.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controlplane/cli/output.h"

namespace vswitch {
namespace {

// Pixels.
constexpr size_t kCell = 18;
constexpr size_t kCharacter = 7;
constexpr size_t kMargin = 12;
constexpr size_t kTitle = 24;

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(
      Printable(text),
      {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// Colours that people who see no red or green can tell apart.
const char* ColourOf(Reach reach) {
  switch (reach) {
    case Reach::kNone:
      return "#d55e00";
    case Reach::kSome:
      return "#f0e442";
    case Reach::kAll:
      return "#009e73";
    case Reach::kNotAsked:
      break;
  }
  return "#dddddd";
}

}  // namespace

std::string MatrixSvg(const Matrix& matrix) {
  size_t longest = 0;
  for (const std::string& name : matrix.names) {
    longest = std::max(longest, name.size());
  }
  const size_t label = longest * kCharacter + kMargin;
  const size_t left = kMargin + label;
  const size_t top = kMargin + kTitle + label;
  const size_t side = matrix.names.size() * kCell;
  const size_t width =
      std::max(left + side, matrix.title.size() * kCharacter) + kMargin;
  std::string svg = absl::StrCat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", width,
      "\" height=\"", top + side + kMargin,
      "\" font-family=\"monospace\" font-size=\"11\">\n",
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"",
      kMargin, "\" y=\"", kMargin + kTitle / 2, "\">", Escaped(matrix.title),
      "</text>\n");
  for (size_t i = 0; i < matrix.names.size(); ++i) {
    const std::string name = Escaped(matrix.names[i]);
    const size_t middle = i * kCell + kCell - kCell / 3;
    absl::StrAppend(&svg, "<text x=\"", left - kMargin / 2, "\" y=\"",
                    top + middle, "\" text-anchor=\"end\">", name,
                    "</text>\n<text transform=\"translate(", left + middle, ",",
                    top - kMargin / 2, ") rotate(-90)\">", name, "</text>\n");
  }
  for (size_t from = 0; from < matrix.cells.size(); ++from) {
    for (size_t to = 0; to < matrix.cells[from].size(); ++to) {
      const MatrixCell& cell = matrix.cells[from][to];
      absl::StrAppend(
          &svg, "<rect x=\"", left + to * kCell, "\" y=\"", top + from * kCell,
          "\" width=\"", kCell - 1, "\" height=\"", kCell - 1, "\" fill=\"",
          ColourOf(cell.reach), "\"><title>", Escaped(matrix.names[from]),
          " to ", Escaped(matrix.names[to]), ": ", Escaped(cell.text),
          "</title></rect>\n");
    }
  }
  return absl::StrCat(svg, "</svg>\n");
}

}  // namespace vswitch
