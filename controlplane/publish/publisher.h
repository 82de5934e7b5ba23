// controlplane/publish/publisher.h
//
// Publisher: puts compiled generations into table memory and knows which of
// them every worker has reached.
//
// A generation goes up in two steps, so that everything that can fail fails
// before the change is made durable:
//
//   RETURN_IF_ERROR(publisher.Prepare(compiled));   // written, not visible
//   ... attach devices, append to the journal; on an error Abandon() ...
//   publisher.Publish();                            // one store
//   ... until publisher.Poll() == publisher.current() ...   // enforced
//
// Prepare() waits for the present generation to be enforced, for a bounded
// time: a worker that does not move must not make the memory grow, so the next
// change is refused instead, naming the worker.
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_PUBLISH_PUBLISHER_H_
#define VSWITCH_CONTROLPLANE_PUBLISH_PUBLISHER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controlplane/compile/compile.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/worker_memory.h"

namespace vswitch {

class Publisher {
 public:
  struct Options {
    // How long Prepare() waits for a worker that has not moved.
    absl::Duration patience = absl::Milliseconds(100);
  };

  // Both memories outlive the publisher.
  Publisher(TableMemoryWriter& tables, const WorkerMemoryView& workers,
            const Options& options);

  Generation current() const { return tables_.CurrentGeneration(); }
  Generation next() const { return current() + 1; }

  // Writes `compiled` beside the present generation.  REQUIRES:
  // compiled.generation == next() and nothing is prepared.
  // RESOURCE_EXHAUSTED, with numbers, when it does not fit; UNAVAILABLE when a
  // worker does not move.  After an error nothing is prepared.
  absl::Status Prepare(const CompiledState& compiled);
  // Takes back what Prepare() wrote.
  void Abandon();
  // Makes it the current generation.  REQUIRES: prepared.
  void Publish(const CompiledState& compiled);

  // Returns the highest generation that every worker has reached, and frees
  // what lies below it.
  Generation Poll();

  // The dataplane of this incarnation, and all before it, hold nothing any
  // more.
  void SetDeadIncarnation(uint64_t incarnation);

  // Returns words about the workers that keep the current generation from
  // being enforced.
  std::string DescribeLaggards() const;

  const BlobHeap& heap() const { return tables_.heap(); }
  const IdentityTableWriter& identities() const { return tables_.identities(); }

 private:
  using Bindings = CompiledState::Bindings;

  absl::Status AwaitCurrent();
  // O(changes * log n) from the second generation on.
  absl::Status WriteBindings(const Bindings& wanted);
  void ReadBindings();

  TableMemoryWriter& tables_;
  const WorkerMemoryView& workers_;
  const Options options_;
  uint64_t dead_incarnation_ = 0;
  Generation enforced_ = 0;
  Generation retired_ = 0;
  absl::Time published_time_ = absl::InfinitePast();
  Bindings bound_;  // of the current generation
  std::optional<StagedRoot> staged_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_PUBLISH_PUBLISHER_H_
