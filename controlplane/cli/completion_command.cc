// vswitchctl completion: scripts for bash, zsh and fish, made from the command
// tree itself, so that they never lag behind it.

#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/kinds.h"

namespace vswitch {
namespace {

// What may follow the commands named in `path` ("vswitchctl port").
struct Node {
  std::string path;
  std::vector<const CLI::App*> commands;
  std::vector<std::string> options;
};

void AddOptions(const CLI::App& app, std::vector<std::string>& options) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      options.push_back("--" + name);
    }
  }
}

void Collect(const CLI::App& app, const CLI::App& root, const std::string& path,
             std::vector<Node>& nodes) {
  Node node{.path = path};
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    node.commands.push_back(command);
  }
  AddOptions(app, node.options);
  if (&app != &root) AddOptions(root, node.options);
  nodes.push_back(node);
  for (const CLI::App* command : node.commands) {
    Collect(*command, root, absl::StrCat(path, " ", command->get_name()),
            nodes);
  }
}

std::string KindWords() {
  return absl::StrJoin(AllKinds(), " ", [](std::string* out, const auto& kind) {
    absl::StrAppend(out, kind.command_names[1]);
  });
}

// The words that may come next at `node`, apart from options.
std::string Words(const Node& node) {
  if (absl::EndsWith(node.path, " get") ||
      absl::EndsWith(node.path, " delete")) {
    const bool resource = !absl::StrContains(node.path, "port");
    if (resource) return KindWords();
  }
  return absl::StrJoin(node.commands, " ",
                       [](std::string* out, const CLI::App* command) {
                         absl::StrAppend(out, command->get_name());
                       });
}

std::string BashScript(const std::vector<Node>& nodes) {
  std::string cases;
  for (const Node& node : nodes) {
    absl::StrAppend(&cases, "    '", node.path, "') words='", Words(node),
                    "' options='", absl::StrJoin(node.options, " "), "' ;;\n");
  }
  return absl::StrCat(R"(# bash completion of vswitchctl; to use it now:
#   source <(vswitchctl completion bash)
_vswitchctl() {
  local current=${COMP_WORDS[COMP_CWORD]} path=vswitchctl words='' options=''
  local paths=')",
                      absl::StrJoin(nodes, "|",
                                    [](std::string* out, const Node& node) {
                                      absl::StrAppend(out, node.path);
                                    }),
                      R"(' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ "|$paths|" == *"|$path ${COMP_WORDS[i]}|"* ]] &&
      path="$path ${COMP_WORDS[i]}"
  done
  case ${COMP_WORDS[COMP_CWORD-1]} in
    -f|--filename|--socket|--netns)
      mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    -o|--output)
      mapfile -t COMPREPLY < <(compgen -W 'table json yaml' -- "$current")
      return ;;
  esac
  case $path in
)",
                      cases, R"(  esac
  [[ $current == -* ]] && words=$options
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _vswitchctl vswitchctl
)");
}

// zsh runs bash's completions by itself.
std::string ZshScript(const std::vector<Node>& nodes) {
  return absl::StrCat(
      R"(#compdef vswitchctl
# zsh completion of vswitchctl; to use it now:
#   source <(vswitchctl completion zsh)
autoload -U +X bashcompinit && bashcompinit
)",
      absl::StrReplaceAll(BashScript(nodes),
                          {{"mapfile -t COMPREPLY < <(", "COMPREPLY=( $("},
                           {"\"$current\")", "\"$current\") )"}}));
}

std::string FishScript(const std::vector<Node>& nodes) {
  std::string text = R"(# fish completion of vswitchctl; to use it now:
#   vswitchctl completion fish | source
complete -c vswitchctl -f
complete -c vswitchctl -s f -l filename -r -F
complete -c vswitchctl -s o -l output -x -a 'table json yaml'
)";
  for (const Node& node : nodes) {
    // The condition: the path's last command was typed, none of the next ones.
    const size_t space = node.path.rfind(' ');
    std::string condition = "__fish_use_subcommand";
    if (space != std::string::npos) {
      condition = absl::StrCat("__fish_seen_subcommand_from ",
                               node.path.substr(space + 1));
    }
    for (const CLI::App* command : node.commands) {
      absl::StrAppend(
          &text, "complete -c vswitchctl -n '", condition, "' -a ",
          command->get_name(), " -d '",
          absl::StrReplaceAll(command->get_description(), {{"'", "\\'"}}),
          "'\n");
    }
    for (const std::string& option : node.options) {
      absl::StrAppend(&text, "complete -c vswitchctl -n '", condition, "' -l ",
                      option.substr(2), "\n");
    }
  }
  return text;
}

}  // namespace

void AddCompletionCommand(CLI::App& app, CommandContext& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "Print a completion script");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(R"(
Examples:
  source <(vswitchctl completion bash)
  vswitchctl completion fish | source)");
  const CLI::App* root = &app;
  command->callback([&context, shell, root] {
    context.run = [&context, shell, root]() -> absl::StatusOr<int> {
      std::vector<Node> nodes;
      Collect(*root, *root, "vswitchctl", nodes);
      context.out << (*shell == "bash"  ? BashScript(nodes)
                      : *shell == "zsh" ? ZshScript(nodes)
                                        : FishScript(nodes));
      return kExitOk;
    };
  });
}

}  // namespace vswitch
