// dataplane/worker/mailbox.h
//
// Mailbox: how the dataplane's main thread tells a worker that ports came or
// went, and learns that the worker let go of one.  Two kernel pipes: a message
// is one atomic write (at most PIPE_BUF bytes, pipe(7)), a worker reads only
// when its epoll says that something is there, so packets pay nothing for it.
//
//   main thread:   mailbox->Send({.kind = PortChange::Kind::kAttach, ...});
//                  while (auto done = mailbox->TakeAnswer()) ...
//   worker:        while (auto change = mailbox->Take()) { ...; Answer(...); }
//
// Thread rule: Send() and TakeAnswer() main thread; Take(), Answer() worker.

#ifndef VSWITCH_DATAPLANE_WORKER_MAILBOX_H_
#define VSWITCH_DATAPLANE_WORKER_MAILBOX_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "nic-drivers/port.h"

namespace vswitch {

struct PortChange {
  enum class Kind : uint8_t {
    kAttach,  // start polling `port`
    kDetach,  // stop; the answer says that nothing refers to it any more
    kStop,    // end the worker's loop
  };
  Kind kind = Kind::kStop;
  PortId id = kNoPort;
  uint32_t epoch = 0;
  Port* port = nullptr;  // the main thread's, until kDetach is answered
};

class Mailbox {
 public:
  static absl::StatusOr<std::unique_ptr<Mailbox>> Create();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox();

  // Gives `change` to the worker and wakes it.
  absl::Status Send(const PortChange& change);
  // Returns the next change that the worker carried out, if there is one.
  std::optional<PortChange> TakeAnswer();

  // Readable while Take() has something; for the worker's epoll.
  int fd() const { return to_worker_[0]; }
  std::optional<PortChange> Take();
  void Answer(const PortChange& change);

 private:
  Mailbox() = default;

  int to_worker_[2] = {-1, -1};  // read end, write end
  int to_main_[2] = {-1, -1};
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_WORKER_MAILBOX_H_
