// dataplane/supervisor/channel.h
//
// Sends and receives whole messages, with descriptors, on a SOCK_SEQPACKET
// socket.
//
//   RETURN_IF_ERROR(SendMessage(fd, message, {}));
//   ASSIGN_OR_RETURN(ReceivedMessage received, ReceiveMessage(fd, buffer));
//
// Thread rule: any thread; the kernel keeps packets whole.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_CHANNEL_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_CHANNEL_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/supervisor/protocol.h"
#include "nic-drivers/tap/unique_fd.h"

namespace vswitch {

struct ReceivedMessage {
  Message message;
  std::vector<UniqueFd> fds;
};

// Makes a pair of connected sockets: the supervisor's end, which never blocks,
// and the child's.
absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakeChannel();

// Sends `message` with duplicates of `fds`.  RESOURCE_EXHAUSTED: the other side
// does not read; UNAVAILABLE: it is gone.
absl::Status SendMessage(int fd, const Message& message,
                         const std::vector<int>& fds);

// Receives one message.  `buffer` is scratch, kept by the caller so that it is
// not made anew each time.  UNAVAILABLE: the other side is gone; NOT_FOUND:
// there is none and the socket does not block.
absl::StatusOr<ReceivedMessage> ReceiveMessage(int fd, std::string& buffer);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_CHANNEL_H_
