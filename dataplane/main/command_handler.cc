// Commands of the control plane, carried out.

#include "dataplane/main/command_handler.h"

#include "dataplane/pipeline/judge.h"

namespace vswitch {
namespace {

// Whether `command` names the connection `record`.
bool Matches(const Command& command, const ConnectionRecord& record) {
  const auto is_end = [&](const IpAddress& address) {
    return address == record.original_source ||
           address == record.original_destination ||
           address == record.reply_source ||
           address == record.reply_destination;
  };
  if ((command.flush_match & kFlushBySource) != 0 &&
      !is_end(command.key.source)) {
    return false;
  }
  if ((command.flush_match & kFlushByDestination) != 0 &&
      !is_end(command.key.destination)) {
    return false;
  }
  if ((command.flush_match & kFlushByProtocol) != 0 &&
      command.key.protocol != record.protocol) {
    return false;
  }
  const Be16 port = command.key.destination_port;
  if ((command.flush_match & kFlushByFlowPort) != 0 &&
      port != record.original_source_port &&
      port != record.original_destination_port &&
      port != record.reply_source_port) {
    return false;
  }
  if ((command.flush_match & kFlushByPort) != 0 &&
      command.in_port != record.judgement.out_port[0] &&
      command.in_port != record.judgement.out_port[1]) {
    return false;
  }
  return true;
}

ExplainDirection Describe(bool asked, PolicySetId set,
                          const PolicyVerdict& verdict) {
  return {.set = set,
          .rule = verdict.rule,
          .precedence = verdict.precedence,
          .allowed = verdict.allowed,
          .evaluated = asked,
          .reserved = {}};
}

}  // namespace

CommandHandler::CommandHandler(const TableMemoryReader& tables,
                               WorkerMemory& memory,
                               ConnectionTable& connections,
                               const CounterTable& counters)
    : tables_(tables),
      connections_(connections),
      counters_(counters),
      commands_(CommandsIn(tables.rings(), memory.writable_rings())),
      replies_(RepliesOut(tables.rings(), memory.writable_rings())) {}

uint32_t CommandHandler::HandleAll(const ForwardingState& state) {
  uint32_t count = 0;
  Command command;
  for (; count < kCommandRingEntries; ++count) {
    const RingPop popped = commands_.Pop(command);
    if (popped == RingPop::kCorrupt) commands_.Skip();
    if (popped != RingPop::kEntry) break;
    // The control plane waits for each reply or gives up; a full ring means
    // that it gave up, and loses nothing that it still wants.
    static_cast<void>(replies_.PushOrCount(Handle(command, state)));
  }
  return count;
}

Reply CommandHandler::Handle(const Command& command,
                             const ForwardingState& state) {
  Reply reply{};
  reply.id = command.id;
  reply.kind = command.kind;
  reply.generation = state.generation();
  switch (command.kind) {
    case CommandKind::kPing:
      return reply;
    case CommandKind::kExplain:
      Explain(command, state, reply);
      return reply;
    case CommandKind::kFlushConnections:
      Flush(command, reply);
      return reply;
  }
  reply.status = ReplyStatus::kUnknownCommand;
  return reply;
}

void CommandHandler::Explain(const Command& command,
                             const ForwardingState& state, Reply& reply) {
  if (state.generation() == 0) {
    reply.status = ReplyStatus::kUnavailable;
    return;
  }
  const JudgeResult result = Judge(state, tables_.identities(),
                                   {.key = command.key,
                                    .in_port = command.in_port,
                                    .kept_translation = std::nullopt,
                                    .connections = &connections_});
  reply.drop = result.drop;
  reply.has_connection = connections_.Lookup(command.key).found();
  reply.translated = result.is_service;
  reply.out_port = result.destination.port;
  reply.source_identity = result.source.identity;
  reply.destination_identity = result.destination.identity;
  reply.source_endpoint = result.source.endpoint;
  reply.destination_endpoint = result.destination.endpoint;
  reply.key_after = result.translated;
  const EndpointRecord* source = state.endpoint(result.source.endpoint);
  const EndpointRecord* destination =
      state.endpoint(result.destination.endpoint);
  reply.egress = Describe(result.asked_egress,
                          source != nullptr ? source->egress : kNoPolicySet,
                          result.egress);
  reply.ingress =
      Describe(result.asked_ingress,
               destination != nullptr ? destination->ingress : kNoPolicySet,
               result.ingress);
}

uint64_t CommandHandler::FlushByState(const Command& command) {
  uint64_t flushed = 0;
  connections_.ForEach([&](const ConnectionInfo& info) {
    const auto is_chosen = [&](const ConnectionRecord& record,
                               ConnectionState state) {
      return static_cast<uint8_t>(state) == command.state &&
             (record.flags & kNotAConnection) == 0 && Matches(command, record);
    };
    if (!is_chosen(info.record, info.state)) return;
    const ConnectionView view =
        connections_.Lookup(info.record.Key(FlowDirection::kOriginal));
    // It may have gone on meanwhile, or be another one.
    if (!view.found() || !is_chosen(view.record, view.state)) return;
    flushed += connections_.Erase(view);
  });
  return flushed;
}

void CommandHandler::Flush(const Command& command, Reply& reply) {
  reply.flushed_count =
      (command.flush_match & kFlushByState) != 0
          ? FlushByState(command)
          : connections_.FlushIf([&](const ConnectionRecord& record) {
              return Matches(command, record);
            });
  counters_.worker(kMainThread)
      .connections_deleted[static_cast<uint32_t>(ConnectionEnd::kFlushed)]
      .Add(reply.flushed_count);
}

}  // namespace vswitch
