// One receiving thread matches replies to the callers that wait for them.

#include "dataplane/supervisor/client.h"

#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/supervisor/channel.h"

namespace vswitch {
namespace {

class SocketClient final : public SupervisorClient {
 public:
  SocketClient(UniqueFd fd, NoticeHandler handler, int timeout_ms)
      : fd_(std::move(fd)),
        handler_(std::move(handler)),
        timeout_(timeout_ms),
        receiver_([this] { Receive(); }) {}

  ~SocketClient() override {
    shutdown(fd_.get(), SHUT_RDWR);  // wakes the receiver
    receiver_.join();
  }

  absl::Status AttachPort(const AttachPortRequest& request) override {
    return Call(MessageType::kAttachPort, EncodeAttachPort(request)).status();
  }

  absl::Status DetachPort(PortId port, uint32_t epoch) override {
    return Call(MessageType::kDetachPort, EncodePortEpoch({port, epoch}))
        .status();
  }

  absl::StatusOr<std::vector<AttachedPort>> ListPorts() override {
    ASSIGN_OR_RETURN(ReceivedMessage reply, Call(MessageType::kListPorts, ""));
    return DecodeAttachedPorts(reply.message.body);
  }

  absl::StatusOr<SupervisorStatus> GetStatus() override {
    ASSIGN_OR_RETURN(ReceivedMessage reply, Call(MessageType::kGetStatus, ""));
    return DecodeStatus(reply.message.body);
  }

  absl::Status RestartDataplane() override {
    return Call(MessageType::kRestartDataplane, "").status();
  }

  absl::StatusOr<std::vector<UniqueFd>> GetPortFds(PortId port,
                                                   uint32_t epoch) override {
    ASSIGN_OR_RETURN(
        ReceivedMessage reply,
        Call(MessageType::kGetPortFds, EncodePortEpoch({port, epoch})));
    return std::move(reply.fds);
  }

  absl::Status ReportReady(uint64_t incarnation) override {
    return Call(MessageType::kReady, EncodeNumber(incarnation)).status();
  }

 private:
  // Sends a request and waits for its reply.
  absl::StatusOr<ReceivedMessage> Call(MessageType type, std::string body) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (gone_) return Gone();
    const uint32_t number = ++last_number_;
    waiting_.emplace(number, std::nullopt);
    Message request;
    request.type = type;
    request.number = number;
    request.body = std::move(body);
    absl::Status sent = SendMessage(fd_.get(), request, {});
    const bool answered = sent.ok() && changed_.wait_for(lock, timeout_, [&] {
      return gone_ || waiting_[number].has_value();
    });
    std::optional<ReceivedMessage> reply = std::move(waiting_[number]);
    waiting_.erase(number);
    if (!sent.ok()) return sent;
    if (!answered) {
      return absl::DeadlineExceededError(absl::StrCat(
          "the supervisor did not answer within ", timeout_.count(), " ms"));
    }
    if (!reply.has_value()) return Gone();
    if (reply->message.code != absl::StatusCode::kOk) {
      return absl::Status(reply->message.code, reply->message.body);
    }
    return *std::move(reply);
  }

  static absl::Status Gone() {
    return absl::UnavailableError("the supervisor is gone");
  }

  void Receive() {
    std::string buffer;
    while (true) {
      absl::StatusOr<ReceivedMessage> received =
          ReceiveMessage(fd_.get(), buffer);
      if (!received.ok()) break;
      if (received->message.type == MessageType::kReply) {
        std::lock_guard<std::mutex> lock(mutex_);
        auto waiting = waiting_.find(received->message.number);
        // A reply after its caller's time-out is dropped, with descriptors.
        if (waiting == waiting_.end()) continue;
        waiting->second = *std::move(received);
        changed_.notify_all();
        continue;
      }
      absl::StatusOr<std::optional<Notice>> notice =
          DecodeNotice(received->message);
      if (!notice.ok()) break;
      if (notice->has_value() && handler_) handler_(**notice);
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      gone_ = true;
      changed_.notify_all();
    }
    if (handler_) handler_(Notice{.kind = Notice::Kind::kSupervisorGone});
  }

  const UniqueFd fd_;
  const NoticeHandler handler_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;  // guards all below but the thread
  std::condition_variable changed_;
  uint32_t last_number_ = 0;
  std::map<uint32_t, std::optional<ReceivedMessage>> waiting_;
  bool gone_ = false;
  std::thread receiver_;  // last: starts when all above is made
};

}  // namespace

absl::StatusOr<std::unique_ptr<SupervisorClient>> SupervisorClient::Create(
    int fd, NoticeHandler handler, int timeout_ms) {
  UniqueFd owned(fd);
  int type = 0;
  socklen_t bytes = sizeof(type);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) != 0 ||
      type != SOCK_SEQPACKET) {
    return absl::InvalidArgumentError(
        absl::StrCat("--supervisor-fd=", fd,
                     ": not a sequenced-packet socket; this program "
                     "is started by vswitchd"));
  }
  return std::unique_ptr<SupervisorClient>(std::make_unique<SocketClient>(
      std::move(owned), std::move(handler), timeout_ms));
}

}  // namespace vswitch
