// controlplane/cli/cli.h
//
// RunCli(): vswitchctl as a function, so that tests run whole command lines in
// process.
//
//   int status = RunCli({"get", "pods"}, std::cout, std::cerr, std::cin);
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_CLI_CLI_H_
#define VSWITCH_CONTROLPLANE_CLI_CLI_H_

#include <istream>
#include <ostream>
#include <string>
#include <vector>

namespace vswitch {

// Runs one command line, without the program's name; returns the exit status
// (docs/cli.md).
int RunCli(std::vector<std::string> arguments, std::ostream& out,
           std::ostream& err, std::istream& in);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_CLI_H_
