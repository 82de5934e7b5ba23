// What the commands share.

#include "controlplane/cli/command.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controlplane/cli/proto_json.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr char kUsagePayload[] = "vswitch.dev/usage";

struct ProtocolName {
  absl::string_view name;
  uint32_t number;
};
constexpr ProtocolName kProtocols[] = {
    {"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"icmpv6", 58}, {"sctp", 132}};
constexpr uint32_t kMaxProtocol = 255;

}  // namespace

absl::StatusOr<SwitchClient*> CommandContext::Client() {
  if (client == nullptr) {
    ASSIGN_OR_RETURN(client,
                     SwitchClient::Connect(ChooseSocket(socket),
                                           absl::Seconds(timeout_seconds)));
  }
  return client.get();
}

OutputFormat CommandContext::output_format() const {
  if (format == "json") return OutputFormat::kJson;
  if (format == "yaml") return OutputFormat::kYaml;
  return OutputFormat::kTable;
}

bool CommandContext::PrintJson(const Json& json) {
  switch (output_format()) {
    case OutputFormat::kTable:
      return false;
    case OutputFormat::kJson:
      out << ToJsonText(json);
      return true;
    case OutputFormat::kYaml:
      out << ToYamlText(json);
      return true;
  }
  return false;
}

bool CommandContext::PrintMessage(const google::protobuf::Message& message) {
  if (output_format() == OutputFormat::kTable) return false;
  return PrintJson(ToJson(message));
}

void CommandContext::FillManager(v1::Manager& result) const {
  result.set_name(manager);
  result.set_epoch(epoch);
}

absl::Status UsageError(const absl::Status& status) {
  absl::Status result = status;
  result.SetPayload(kUsagePayload, absl::Cord());
  return result;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsagePayload).has_value();
}

std::string EndText(const std::string& address, uint32_t port) {
  if (port == 0) return address;
  return address.find(':') == std::string::npos
             ? absl::StrCat(address, ":", port)
             : absl::StrCat("[", address, "]:", port);
}

std::string PeerText(const v1::FlowPeer& peer, const std::string& address) {
  return peer.name().empty() ? address : peer.name();
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime(
      "%d %b %H:%M:%E3S",
      absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
      absl::LocalTimeZone());
}

absl::StatusOr<uint32_t> ProtocolNumber(const std::string& text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const ProtocolName& protocol : kProtocols) {
    if (protocol.name == lower) return protocol.number;
  }
  uint32_t number = 0;
  if (absl::SimpleAtoi(text, &number) && number <= kMaxProtocol) return number;
  return UsageError(absl::InvalidArgumentError(
      absl::StrCat("--protocol ", text,
                   " is unknown; want tcp, udp, sctp, icmp or a number from 0 "
                   "to 255")));
}

}  // namespace vswitch
