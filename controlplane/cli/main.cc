// vswitchctl.

#include <iostream>

#include "controlplane/cli/cli.h"

int main(int argc, char** argv) {
  return vswitch::RunCli({argv + 1, argv + argc}, std::cout, std::cerr,
                         std::cin);
}
