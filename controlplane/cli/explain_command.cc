// vswitchctl explain: would this flow pass, and which rule decides?

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "controlplane/cli/command.h"
#include "dataplane/base/address.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct ExplainOptions {
  std::string source;
  std::string destination;
  std::string protocol = "tcp";
  uint32_t port = 0;
  uint32_t source_port = 0;
  uint32_t family = 0;
  std::string expect;
};

// "10.0.0.1", "demo/web", "pod:demo/web" or "service:demo/web".
absl::Status FillPeer(const std::string& text, v1::ExplainPeer& peer) {
  if (IpAddress::Parse(text).ok()) {
    peer.set_address(text);
    return absl::OkStatus();
  }
  const bool named = text.find('/') != std::string::npos;
  if (!named) {
    return UsageError(absl::InvalidArgumentError(absl::StrCat(
        "\"", text,
        "\" is neither an address nor NAMESPACE/NAME of a pod or service")));
  }
  if (absl::StartsWith(text, "pod:")) {
    peer.set_pod(std::string(absl::StripPrefix(text, "pod:")));
  } else if (absl::StartsWith(text, "service:")) {
    peer.set_service(std::string(absl::StripPrefix(text, "service:")));
  } else {
    peer.set_name(text);
  }
  return absl::OkStatus();
}

void PrintDirection(absl::string_view title, const v1::DirectionVerdict& side,
                    CommandContext& context) {
  context.out << "  " << title << ": ";
  const std::string isolating =
      Printable(absl::StrJoin(side.isolating_policies(), ", "));
  if (!side.policy().empty()) {
    context.out << (side.allowed() ? "allowed by " : "denied by ")
                << Printable(side.policy());
    if (!side.rule_name().empty()) {
      context.out << ", " << Printable(side.rule_name());
    }
    if (!side.rule().empty()) context.out << ": " << Printable(side.rule());
  } else if (side.allowed()) {
    context.out << "not isolated, so allowed";
  } else {
    context.out << "denied; isolated by " << isolating;
  }
  if (!side.tier().empty()) {
    context.out << " (tier " << Printable(side.tier()) << ")";
  }
  context.out << "\n";
  if (!side.policy().empty() && !isolating.empty()) {
    context.out << "    isolated by " << isolating << "\n";
  }
  for (const std::string& miss : side.nearest_misses()) {
    context.out << "    " << Printable(miss) << "\n";
  }
}

void PrintShadow(const v1::ShadowVerdict& shadow, CommandContext& context) {
  if (!shadow.asked()) return;
  context.out << "  shadow policies: ";
  if (!shadow.denied()) {
    context.out << "would allow it too\n";
  } else if (!shadow.policy().empty()) {
    context.out << "would be denied by " << Printable(shadow.policy()) << ", "
                << Printable(shadow.rule()) << "\n";
  } else {
    context.out << "would be denied; " << shadow.direction() << " isolated by "
                << Printable(absl::StrJoin(shadow.isolating_policies(), ", "))
                << "\n";
  }
}

void Print(const v1::ExplainResponse& response, CommandContext& context) {
  const v1::Flow& flow = response.flow();
  context.out << Printable(response.summary()) << "\n";
  const std::string source = PeerText(response.source(), flow.source());
  const std::string destination =
      PeerText(response.destination(), flow.destination());
  context.out << "  flow: " << flow.protocol_name() << " "
              << EndText(flow.source(), flow.source_port()) << " -> "
              << EndText(flow.destination(), flow.destination_port()) << "\n";
  for (const auto& [title, peer, name] :
       {std::make_tuple("source", &response.source(), &source),
        std::make_tuple("destination", &response.destination(),
                        &destination)}) {
    context.out << "  " << title << ": " << Printable(*name) << " (identity "
                << peer->identity();
    if (!peer->identity_text().empty()) {
      context.out << ": " << Printable(peer->identity_text());
    }
    context.out << ")\n";
  }
  if (!response.service().empty()) {
    context.out << "  service: " << Printable(response.service());
    if (!response.backend().empty()) {
      context.out << " -> " << Printable(response.backend());
      if (!response.backend_pod().empty()) {
        context.out << " (" << Printable(response.backend_pod()) << ")";
      }
    }
    context.out << "\n";
  }
  PrintDirection(absl::StrCat("egress of ", source), response.egress(),
                 context);
  PrintDirection(absl::StrCat("ingress of ", destination), response.ingress(),
                 context);
  PrintShadow(response.shadow(), context);
  if (!response.out_port().empty()) {
    context.out << "  leaves by port: " << Printable(response.out_port())
                << "\n";
  }
  context.out << "  generation: " << response.generation() << "\n";
}

absl::StatusOr<int> RunExplain(CommandContext& context,
                               const ExplainOptions& options) {
  v1::ExplainRequest request;
  RETURN_IF_ERROR(FillPeer(options.source, *request.mutable_source()));
  RETURN_IF_ERROR(
      FillPeer(options.destination, *request.mutable_destination()));
  ASSIGN_OR_RETURN(const uint32_t protocol, ProtocolNumber(options.protocol));
  request.set_protocol(protocol);
  request.set_destination_port(options.port);
  request.set_source_port(options.source_port);
  request.set_family(options.family == 4   ? v1::IP_FAMILY_IPV4
                     : options.family == 6 ? v1::IP_FAMILY_IPV6
                                           : v1::IP_FAMILY_UNSPECIFIED);
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::ExplainResponse response;
  RETURN_IF_ERROR(ToStatus(client->observe().Explain(client->NewContext().get(),
                                                     request, &response)));
  const bool as_expected = options.expect.empty() ||
                           (options.expect == "allow") == response.allowed();
  const int exit_status = as_expected ? kExitOk : kExitNo;
  if (context.PrintMessage(response)) return exit_status;
  Print(response, context);
  return exit_status;
}

}  // namespace

void AddExplainCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* command = app.add_subcommand(
      "explain", "Say what would happen to a flow, and which rule decides");
  command->add_option("source", options->source, "NAMESPACE/POD or an address")
      ->required();
  command
      ->add_option("destination", options->destination,
                   "NAMESPACE/POD, NAMESPACE/SERVICE or an address")
      ->required();
  command
      ->add_option("--protocol", options->protocol,
                   "tcp, udp, sctp, icmp, icmpv6 or a number")
      ->capture_default_str();
  command->add_option("--port", options->port, "Destination port")
      ->check(CLI::Range(1, 65535));
  command
      ->add_option("--source-port", options->source_port,
                   "Source port (default 40000)")
      ->check(CLI::Range(1, 65535));
  command
      ->add_option("--family", options->family,
                   "4 or 6 (default: the first that both ends have)")
      ->check(CLI::IsMember({4, 6}));
  command
      ->add_option("--expect", options->expect,
                   "Exit with 1 if the verdict is another one")
      ->check(CLI::IsMember({"allow", "deny"}));
  command->footer(R"(
The dataplane answers with its own code on its live tables.  A name that both a
pod and a service have means the pod; service:NAMESPACE/NAME means the service.

Examples:
  vswitchctl explain demo/intruder demo/backend --protocol tcp --port 80
  vswitchctl explain demo/web 192.0.2.7 --protocol udp --port 53 --expect deny)");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunExplain(context, *options); };
  });
}

}  // namespace vswitch
