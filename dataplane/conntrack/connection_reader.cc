// Lists connections, for the writing process and for read-only ones.

#include "dataplane/base/status_macros.h"
#include "dataplane/conntrack/connection_layout.h"

namespace vswitch {

void VisitConnections(const ConnectionTableLayout& layout,
                      absl::FunctionRef<void(const ConnectionInfo&)> visit) {
  const SharedConnectionStore& store = layout.store;
  const uint32_t limit = UsedLimit(layout);
  for (uint32_t index = 0; index < limit; ++index) {
    ConnectionView view;
    if (!store.Read(index, view)) continue;
    ConnectionInfo info;
    info.index = index;
    info.state = view.state;
    info.record = view.record;
    if ((view.record.flags & kNotAConnection) != 0) {
      info.created_s =
          store.windows().Load(index, FlowDirection::kOriginal, false).end;
    }
    for (FlowDirection direction :
         {FlowDirection::kOriginal, FlowDirection::kReply}) {
      info.counts[static_cast<uint32_t>(direction)] =
          store.Counts(index, direction);
    }
    visit(info);
  }
}

uint64_t CountConnections(const ConnectionTableLayout& layout) {
  uint64_t count = 0;
  const uint32_t limit = UsedLimit(layout);
  for (uint32_t index = 0; index < limit; ++index) {
    if (layout.store.State(index).life == EntryLife::kLive) ++count;
  }
  return count;
}

absl::StatusOr<ConnectionReader> ConnectionReader::Attach(
    std::span<const std::byte> memory) {
  ConnectionReader reader;
  ASSIGN_OR_RETURN(ConnectionTableLayout layout,
                   OpenConnectionTable(
                       {const_cast<std::byte*>(memory.data()), memory.size()}));
  reader.layout_ = std::make_unique<const ConnectionTableLayout>(layout);
  return reader;
}

ConnectionReader::ConnectionReader() = default;
ConnectionReader::ConnectionReader(ConnectionReader&&) noexcept = default;
ConnectionReader& ConnectionReader::operator=(ConnectionReader&&) noexcept =
    default;
ConnectionReader::~ConnectionReader() = default;

uint32_t ConnectionReader::capacity() const {
  return layout_->store.arrays().capacity;
}

void ConnectionReader::ForEach(
    absl::FunctionRef<void(const ConnectionInfo&)> visit) const {
  VisitConnections(*layout_, visit);
}

uint64_t ConnectionReader::CountActive() const {
  return CountConnections(*layout_);
}

}  // namespace vswitch
