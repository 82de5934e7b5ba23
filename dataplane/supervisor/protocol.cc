// Encodes and decodes the values of protocol.h.

#include "dataplane/supervisor/protocol.h"

#include "dataplane/base/status_macros.h"
#include "dataplane/supervisor/wire.h"

namespace vswitch {
namespace {

constexpr uint32_t kMagic = 0x31535656;  // "VVS1": changes with the layout

void Write(WireWriter& writer, const IpAddress& address) {
  writer.Bytes(address.bytes.data(), address.bytes.size());
}

IpAddress ReadAddress(WireReader& reader) {
  IpAddress address;
  reader.Bytes(address.bytes.data(), address.bytes.size());
  return address;
}

void Write(WireWriter& writer, const IpPrefix& prefix) {
  Write(writer, prefix.address);
  writer.Number(prefix.prefix_bits);
}

IpPrefix ReadPrefix(WireReader& reader) {
  IpPrefix prefix;
  prefix.address = ReadAddress(reader);
  prefix.prefix_bits = reader.Number<uint8_t>();
  return prefix;
}

void Write(WireWriter& writer, const std::vector<IpPrefix>& prefixes) {
  writer.Number(static_cast<uint32_t>(prefixes.size()));
  for (const IpPrefix& prefix : prefixes) Write(writer, prefix);
}

std::vector<IpPrefix> ReadPrefixes(WireReader& reader) {
  std::vector<IpPrefix> prefixes(reader.Count(17));
  for (IpPrefix& prefix : prefixes) prefix = ReadPrefix(reader);
  return prefixes;
}

void Write(WireWriter& writer, const PortEpoch& port) {
  writer.Number(ToInt(port.port));
  writer.Number(port.epoch);
}

PortEpoch ReadPortEpoch(WireReader& reader) {
  PortEpoch port;
  port.port = PortId{reader.Number<uint16_t>()};
  port.epoch = reader.Number<uint32_t>();
  return port;
}

void Write(WireWriter& writer, const ChildStatus& child) {
  writer.Number(child.pid);
  writer.Number(child.uptime_s);
  writer.Number(child.incarnation);
  writer.Number(child.restarts);
  writer.Number(child.last_gap_ms);
  writer.Text(child.last_exit);
}

ChildStatus ReadChildStatus(WireReader& reader) {
  ChildStatus child;
  child.pid = reader.Number<int32_t>();
  child.uptime_s = reader.Number<double>();
  child.incarnation = reader.Number<uint64_t>();
  child.restarts = reader.Number<uint64_t>();
  child.last_gap_ms = reader.Number<double>();
  child.last_exit = reader.Text();
  return child;
}

// The message type of each kind of notice; the order of Notice::Kind.
constexpr MessageType kNoticeTypes[] = {
    MessageType::kDataplaneStarted,
    MessageType::kDataplaneReady,
    MessageType::kDataplaneDied,
    MessageType::kPortGone,
};

}  // namespace

std::string EncodeMessage(const Message& message) {
  WireWriter writer;
  writer.Number(kMagic);
  writer.Number(static_cast<uint16_t>(message.type));
  writer.Number(static_cast<uint16_t>(message.code));
  writer.Number(message.number);
  writer.Bytes(message.body.data(), message.body.size());
  return writer.Take();
}

absl::StatusOr<Message> DecodeMessage(absl::string_view bytes) {
  WireReader reader(bytes);
  const auto magic = reader.Number<uint32_t>();
  Message message;
  message.type = static_cast<MessageType>(reader.Number<uint16_t>());
  message.code = static_cast<absl::StatusCode>(reader.Number<uint16_t>());
  message.number = reader.Number<uint32_t>();
  message.body = std::string(reader.Rest());
  RETURN_IF_ERROR(reader.Finish("header"));
  if (magic != kMagic || message.type > MessageType::kPortGone) {
    return absl::InvalidArgumentError(
        "supervisor message of an unknown kind (do all binaries come from one "
        "build?)");
  }
  return message;
}

std::string EncodeAttachPort(const AttachPortRequest& request) {
  WireWriter writer;
  Write(writer, PortEpoch{request.port, request.epoch});
  writer.Text(request.name);
  writer.Text(request.netns);
  writer.Text(request.ifname);
  writer.Bytes(request.mac.bytes.data(), request.mac.bytes.size());
  writer.Number(request.mtu);
  writer.Number(request.queues);
  writer.Number(static_cast<uint8_t>(request.default_route));
  Write(writer, request.addresses);
  writer.Number(static_cast<uint32_t>(request.gateways.size()));
  for (const IpAddress& gateway : request.gateways) Write(writer, gateway);
  Write(writer, request.routes);
  return writer.Take();
}

absl::StatusOr<AttachPortRequest> DecodeAttachPort(absl::string_view body) {
  WireReader reader(body);
  AttachPortRequest request;
  const PortEpoch id = ReadPortEpoch(reader);
  request.port = id.port;
  request.epoch = id.epoch;
  request.name = reader.Text();
  request.netns = reader.Text();
  request.ifname = reader.Text();
  reader.Bytes(request.mac.bytes.data(), request.mac.bytes.size());
  request.mtu = reader.Number<uint32_t>();
  request.queues = reader.Number<uint16_t>();
  request.default_route = reader.Number<uint8_t>() != 0;
  request.addresses = ReadPrefixes(reader);
  request.gateways.resize(reader.Count(16));
  for (IpAddress& gateway : request.gateways) gateway = ReadAddress(reader);
  request.routes = ReadPrefixes(reader);
  RETURN_IF_ERROR(reader.Finish("AttachPort"));
  return request;
}

std::string EncodePortEpoch(const PortEpoch& port) {
  WireWriter writer;
  Write(writer, port);
  return writer.Take();
}

absl::StatusOr<PortEpoch> DecodePortEpoch(absl::string_view body) {
  WireReader reader(body);
  const PortEpoch port = ReadPortEpoch(reader);
  RETURN_IF_ERROR(reader.Finish("PortEpoch"));
  return port;
}

std::string EncodeAttachedPorts(const std::vector<AttachedPort>& ports) {
  WireWriter writer;
  writer.Number(static_cast<uint32_t>(ports.size()));
  for (const AttachedPort& port : ports) {
    Write(writer, port.id);
    writer.Text(port.name);
    writer.Text(port.netns);
    writer.Text(port.ifname);
    writer.Number(static_cast<uint8_t>(port.alive));
  }
  return writer.Take();
}

absl::StatusOr<std::vector<AttachedPort>> DecodeAttachedPorts(
    absl::string_view body) {
  WireReader reader(body);
  std::vector<AttachedPort> ports(reader.Count(19));
  for (AttachedPort& port : ports) {
    port.id = ReadPortEpoch(reader);
    port.name = reader.Text();
    port.netns = reader.Text();
    port.ifname = reader.Text();
    port.alive = reader.Number<uint8_t>() != 0;
  }
  RETURN_IF_ERROR(reader.Finish("ListPorts"));
  return ports;
}

std::string EncodeStatus(const SupervisorStatus& status) {
  WireWriter writer;
  writer.Number(status.pid);
  writer.Number(status.uptime_s);
  Write(writer, status.controlplane);
  Write(writer, status.dataplane);
  writer.Number(status.port_count);
  writer.Number(static_cast<uint8_t>(status.table_hugepages));
  writer.Number(static_cast<uint8_t>(status.worker_hugepages));
  return writer.Take();
}

absl::StatusOr<SupervisorStatus> DecodeStatus(absl::string_view body) {
  WireReader reader(body);
  SupervisorStatus status;
  status.pid = reader.Number<int32_t>();
  status.uptime_s = reader.Number<double>();
  status.controlplane = ReadChildStatus(reader);
  status.dataplane = ReadChildStatus(reader);
  status.port_count = reader.Number<uint64_t>();
  status.table_hugepages = reader.Number<uint8_t>() != 0;
  status.worker_hugepages = reader.Number<uint8_t>() != 0;
  RETURN_IF_ERROR(reader.Finish("GetStatus"));
  return status;
}

std::string EncodeNumber(uint64_t number) {
  WireWriter writer;
  writer.Number(number);
  return writer.Take();
}

absl::StatusOr<uint64_t> DecodeNumber(absl::string_view body) {
  WireReader reader(body);
  const auto number = reader.Number<uint64_t>();
  RETURN_IF_ERROR(reader.Finish("number"));
  return number;
}

Message EncodeNotice(const Notice& notice) {
  WireWriter writer;
  writer.Number(notice.incarnation);
  Write(writer, notice.port);
  Message message;
  message.type = kNoticeTypes[static_cast<int>(notice.kind)];
  message.body = writer.Take();
  return message;
}

absl::StatusOr<std::optional<Notice>> DecodeNotice(const Message& message) {
  for (size_t kind = 0; kind < std::size(kNoticeTypes); ++kind) {
    if (kNoticeTypes[kind] != message.type) continue;
    WireReader reader(message.body);
    Notice notice;
    notice.kind = static_cast<Notice::Kind>(kind);
    notice.incarnation = reader.Number<uint64_t>();
    notice.port = ReadPortEpoch(reader);
    RETURN_IF_ERROR(reader.Finish("notice"));
    return std::optional<Notice>(notice);
  }
  return std::optional<Notice>();
}

}  // namespace vswitch
