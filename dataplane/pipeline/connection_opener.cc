// Entries of new connections, their ports outside, and UDP's mappings.

#include "dataplane/pipeline/connection_opener.h"

#include <algorithm>

#include "dataplane/base/planted_bug.h"
#include "dataplane/conntrack/connection_limits.h"
#include "dataplane/conntrack/timeouts.h"
#include "dataplane/nat/source_nat.h"
#include "dataplane/pipeline/host_lookup.h"
#include "dataplane/pipeline/judge.h"

namespace vswitch {
namespace {

// Ports that are tried before the range counts as full: where nine of ten are
// taken, one in five hundred connections finds none.
constexpr uint32_t kPortAttempts = 64;

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

bool HasPort(IpProtocol protocol) {
  switch (protocol) {
    case IpProtocol::kTcp:
    case IpProtocol::kUdp:
    case IpProtocol::kUdpLite:
    case IpProtocol::kSctp:
    case IpProtocol::kIcmp:    // the identifier
    case IpProtocol::kIcmpv6:  // likewise
      return true;
    default:
      return false;
  }
}

}  // namespace

InsertResult ConnectionOpener::Open(
    NewConnection& connection, const std::optional<IpAddress>& nat_address) {
  if (!nat_address.has_value()) return Insert(connection);
  FlowKey leaving = connection.reply.Reversed();
  leaving.source = *nat_address;
  const NatSettings& nat = burst_.state->settings().nat;
  if (IsEndpointIndependent(nat, leaving.protocol)) {
    return InsertMapped(connection, leaving);
  }
  const uint64_t hash = connections_.Hash(connection.original);
  const uint32_t attempts = HasPort(leaving.protocol) ? kPortAttempts : 1;
  InsertResult result{.status = InsertStatus::kReplyTaken};
  for (uint32_t attempt = 0; attempt < attempts; ++attempt) {
    if (HasPort(leaving.protocol)) {
      leaving.source_port = NatPort(nat, hash, attempt);
      if (IsOfService(leaving)) continue;
    }
    connection.reply = leaving.Reversed();
    result = Insert(connection);
    if (result.status != InsertStatus::kReplyTaken) return result;
  }
  return result;
}

// The node and the world have no limits of their own, only pods have.
ConnectionLimits ConnectionOpener::LimitsFor(EndpointId source) const {
  const Settings& settings = burst_.state->settings();
  const ConnectionLimits limits =
      CompleteLimits(settings.limits, connections_.capacity(), settings.nat);
  const EndpointRecord* endpoint = burst_.state->endpoint(source);
  const bool is_pod = endpoint != nullptr && endpoint->is_host == 0;
  return is_pod ? limits : WithoutPodLimits(limits);
}

// Whether the node's address and port that the packet leaves by are a
// service's: a NodePort, or a pod's hostPort, which may be any.
bool ConnectionOpener::IsOfService(const FlowKey& leaving) const {
  return burst_.state->services().HasPort(leaving.Reversed());
}

InsertResult ConnectionOpener::Insert(const NewConnection& connection) {
  const auto insert = [&] {
    const InsertResult inserted = connections_.Insert(
        context_.environment.worker, connection, burst_.now_ns,
        LimitsFor(connection.judgement.source_endpoint));
    if (inserted.has_evicted) {
      Counter* deleted = context_.counters().connections_deleted;
      deleted[static_cast<uint32_t>(ConnectionEnd::kEvicted)].Add(1);
    }
    return inserted;
  };
  InsertResult result = insert();
  if (result.status == InsertStatus::kReplyTaken) {
    // A TCP connection that is over, but not yet forgotten, gives way.
    ConnectionView holder = connections_.Lookup(connection.reply);
    if (!holder.found() || !IsOver(holder.state)) return result;
    context_.EraseConnection(holder, ConnectionEnd::kReplaced);
    result = insert();
  }
  if (result.status == InsertStatus::kInserted) {
    context_.counters().connections_inserted.Add(1);
  }
  return result;
}

InsertResult ConnectionOpener::InsertMapped(NewConnection& connection,
                                            FlowKey& leaving) {
  const InsertStatus outside = FindOutside(connection, leaving);
  if (outside != InsertStatus::kInserted && outside != InsertStatus::kExisted) {
    return {.status = outside};
  }
  connection.reply = leaving.Reversed();
  connection.flags |= kKeptByOriginal;
  NoteContact(connection, leaving);
  return Insert(connection);
}

// Sets the port of `leaving` to that of the mapping of the connection's source,
// which is made if there is none; kReplyTaken means that every port is taken.
InsertStatus ConnectionOpener::FindOutside(const NewConnection& connection,
                                           FlowKey& leaving) {
  const FlowKey inside = MappingKey(connection.original);
  const auto outside_port = [](const ConnectionView& mapping) {
    return mapping.record.TranslatedKey(FlowDirection::kOriginal).source_port;
  };
  ConnectionView known = connections_.Lookup(inside);
  if (known.found()) {
    const ConnectionRecord& record = known.record;
    if (record.judgement.source_epoch == connection.judgement.source_epoch &&
        record.reply_destination == leaving.source) {
      Touch(known);
      leaving.source_port = outside_port(known);
      return InsertStatus::kExisted;
    }
    // The address has gone to another pod, or the pool has changed.
    context_.EraseConnection(known, ConnectionEnd::kEndpointGone);
  }
  NewConnection mapping{.original = inside,
                        .judgement = connection.judgement,
                        .state = ConnectionState::kReplied,
                        .flags = kNatMapping | kKeptByOriginal};
  const uint64_t hash = connections_.Hash(inside);
  InsertResult inserted{.status = InsertStatus::kReplyTaken};
  for (uint32_t attempt = 0; attempt < kPortAttempts; ++attempt) {
    leaving.source_port = NatPort(burst_.state->settings().nat, hash, attempt);
    if (IsOfService(leaving)) continue;
    mapping.reply = MappingKey(leaving).Reversed();
    if (kPlantedBug == PlantedBug::kPortGivenTwice) {
      mapping.reply = ContactKey(leaving).Reversed();
    }
    inserted = Insert(mapping);
    if (inserted.status != InsertStatus::kReplyTaken) break;
  }
  if (inserted.status == InsertStatus::kExisted) {  // another worker was first
    leaving.source_port = outside_port(inserted.view);
  }
  return inserted.status;
}

void ConnectionOpener::NoteContact(const NewConnection& connection,
                                   const FlowKey& leaving) {
  // The remote end's address as the client's answers know it.
  FlowKey original = connection.original;
  original.destination = leaving.destination;
  const NewConnection contact{.original = ContactKey(original),
                              .reply = ContactKey(leaving).Reversed(),
                              .judgement = connection.judgement,
                              .state = ConnectionState::kReplied,
                              .flags = kNatContact | kKeptByOriginal};
  // Where there is no room for it, only the filter is stricter.
  const InsertResult inserted = Insert(contact);
  if (inserted.status == InsertStatus::kExisted) Touch(inserted.view);
}

MappedPacket ConnectionOpener::FindMapped(const FlowKey& key, bool from_pod) {
  MappedPacket result;
  const NatSettings& nat = burst_.state->settings().nat;
  if (!IsEndpointIndependent(nat, key.protocol)) return result;
  // As packets of the reply direction come in.
  const ConnectionView mapping =
      connections_.Lookup(MappingKey(key.Reversed()).Reversed());
  if (!mapping.found() || (mapping.record.flags & kNatMapping) == 0) {
    return result;
  }
  if (!from_pod &&
      !connections_.Lookup(ContactKey(key.Reversed()).Reversed()).found()) {
    result.kind = MappedPacket::Kind::kFiltered;
    return result;
  }
  const FlowKey client = mapping.record.Key(FlowDirection::kOriginal);
  const HostLookup hosts(*burst_.state, *context_.environment.identities);
  const uint32_t epoch = hosts.BindingOf(client.source).epoch;
  if ((epoch & kMaxBindingEpoch) != mapping.record.judgement.source_epoch) {
    return result;  // the address has gone to another pod
  }
  result.kind = MappedPacket::Kind::kFound;
  result.translated = key;
  result.translated.destination = client.source;
  result.translated.destination_port = client.source_port;
  return result;
}

void ConnectionOpener::KeepMapping(const ConnectionView& view) {
  FlowKey inside = view.record.Key(view.direction);
  Touch(connections_.Lookup(MappingKey(inside)));
  inside.destination = view.record.TranslatedKey(view.direction).destination;
  Touch(connections_.Lookup(ContactKey(inside)));
}

void ConnectionOpener::NoteAffinity(const NewConnection& connection,
                                    uint32_t timeout_s) {
  const BackendEnd backend{connection.reply.source,
                           connection.reply.source_port};
  ConnectionView kept = connections_.Lookup(AffinityKey(connection.original));
  if (kept.found() && BackendOf(kept.record) != backend) {
    context_.EraseConnection(kept, ConnectionEnd::kEndpointGone);
    kept = {};
  }
  if (IsKept(kept)) return;  // longer than this packet could
  if (!kept.found()) kept = InsertAffinity(connection, backend);
  const ConnectionTimeouts& timeouts = burst_.state->settings().timeouts;
  // What begins in the middle counts as established, but nobody has answered.
  const uint32_t unanswered_s =
      connection.state == ConnectionState::kEstablished
          ? timeouts.tcp_retransmitted_s
          : TimeoutSeconds(connection.original.protocol, connection.state,
                           timeouts);
  TouchAffinity(kept, std::min(timeout_s, unanswered_s));
}

void ConnectionOpener::KeepAffinity(const ConnectionView& view) {
  const ConnectionRecord& connection = view.record;
  const FlowKey original = connection.Key(FlowDirection::kOriginal);
  const auto back = static_cast<uint8_t>(FlowDirection::kReply);
  const ClientSide side =
      ClientSideOf(*burst_.state, connection.judgement.out_port[back]);
  const ServiceLookup found = burst_.state->services().Lookup(original, side);
  if (found.service == nullptr || found.service->affinity_s == 0) return;
  ConnectionView kept = connections_.Lookup(AffinityKey(original));
  // A later connection of the client may have found this one's backend gone.
  if (!IsAffinity(kept) || BackendOf(kept.record) != BackendOf(connection)) {
    return;
  }
  TouchAffinity(kept, found.service->affinity_s);
  kept.direction = FlowDirection::kReply;  // as if its backend had answered
  connections_.Track(kept);
}

void ConnectionOpener::TouchAffinity(const ConnectionView& kept,
                                     uint32_t timeout_s) {
  // The table forgets an entry of this protocol when it was idle for other_s.
  // So the client is noted as seen at the time that comes as much before the
  // end; in a machine's first minutes that may be no time at all.
  const uint64_t end_ns = burst_.now_ns + timeout_s * kNanosecondsPerSecond;
  const uint64_t idle_ns =
      burst_.state->settings().timeouts.other_s * kNanosecondsPerSecond;
  connections_.Touch(kept, 0, end_ns > idle_ns ? end_ns - idle_ns : 0);
}

// Returns the new entry, or none where there is no room: the client's next
// connection chooses anew, and most likely the same.
ConnectionView ConnectionOpener::InsertAffinity(const NewConnection& connection,
                                                const BackendEnd& backend) {
  NewConnection affinity{.original = AffinityKey(connection.original),
                         .judgement = connection.judgement,
                         .state = ConnectionState::kUnreplied,
                         .flags = kAffinity | kKeptByOriginal,
                         .service = connection.service};
  for (uint32_t number = 0; number < kMaxAffinityNumbers; ++number) {
    affinity.reply = AffinityReplyKey(connection.original, backend, number);
    const InsertResult inserted = Insert(affinity);
    if (inserted.status != InsertStatus::kReplyTaken) return inserted.view;
  }
  return {};
}

void ConnectionOpener::Touch(const ConnectionView& view) {
  connections_.Touch(view, 0, burst_.now_ns);
}

}  // namespace vswitch
