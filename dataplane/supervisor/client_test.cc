// The client against the other end of its socket, in one process.

#include "dataplane/supervisor/client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/supervisor/channel.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

class ClientTest : public testing::Test {
 protected:
  void SetUp() override {
    auto channel = MakeChannel();
    ASSERT_TRUE(channel.ok()) << channel.status();
    server_ = std::move(channel->first);
    auto client = SupervisorClient::Create(
        channel->second.release(),
        [this](const Notice& notice) {
          if (notice.kind == Notice::Kind::kSupervisorGone) ++gone_;
          if (notice.kind == Notice::Kind::kPortGone) ++port_gone_;
        },
        500);
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  // Waits for a request, as the supervisor's loop does.
  Message Receive() {
    std::string buffer;
    while (true) {
      auto received = ReceiveMessage(server_.get(), buffer);
      if (received.ok()) return received->message;
      std::this_thread::yield();
    }
  }
  void Reply(uint32_t number, absl::StatusCode code, const std::string& body,
             const std::vector<int>& fds = {}) {
    Message reply;
    reply.number = number;
    reply.code = code;
    reply.body = body;
    ASSERT_TRUE(SendMessage(server_.get(), reply, fds).ok());
  }

  UniqueFd server_;
  std::atomic<int> gone_{0};
  std::atomic<int> port_gone_{0};
  std::unique_ptr<SupervisorClient> client_;
};

TEST_F(ClientTest, BringsBackCodeAndTextOfAnError) {
  std::thread server([this] {
    Reply(Receive().number, absl::StatusCode::kNotFound, "no such namespace");
  });
  const absl::Status status = client_->AttachPort({});
  server.join();
  EXPECT_EQ(status, absl::NotFoundError("no such namespace"));
}

TEST_F(ClientTest, BringsBackDescriptors) {
  std::thread server([this] {
    Reply(Receive().number, absl::StatusCode::kOk, "", {0, 1, 2});
  });
  const auto fds = client_->GetPortFds(PortId{1}, 1);
  server.join();
  ASSERT_TRUE(fds.ok()) << fds.status();
  EXPECT_EQ(fds->size(), 3u);
}

TEST_F(ClientTest, MatchesRepliesThatComeInAnotherOrder) {
  std::thread server([this] {
    const Message first = Receive();
    const Message second = Receive();
    for (const Message& request : {second, first}) {
      Reply(request.number,
            request.type == MessageType::kDetachPort
                ? absl::StatusCode::kAborted
                : absl::StatusCode::kOk,
            "");
    }
  });
  absl::Status detach;
  std::thread other([&] { detach = client_->DetachPort(PortId{1}, 1); });
  EXPECT_TRUE(client_->AttachPort({}).ok());
  other.join();
  server.join();
  EXPECT_TRUE(absl::IsAborted(detach));
}

TEST_F(ClientTest, HandsNoticesOn) {
  ASSERT_TRUE(SendMessage(server_.get(),
                          EncodeNotice({.kind = Notice::Kind::kPortGone}), {})
                  .ok());
  while (port_gone_ == 0) std::this_thread::yield();
  EXPECT_EQ(gone_, 0);
}

TEST_F(ClientTest, GivesUpWaiting) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(client_->RestartDataplane()));
  // The late answer belongs to nobody.
  Reply(Receive().number, absl::StatusCode::kOk, "");
  std::thread server(
      [this] { Reply(Receive().number, absl::StatusCode::kAborted, "x"); });
  EXPECT_TRUE(absl::IsAborted(client_->RestartDataplane()));
  server.join();
}

TEST_F(ClientTest, SaysThatTheSupervisorIsGone) {
  std::thread server([this] {
    Receive();
    server_.reset();
  });
  EXPECT_TRUE(absl::IsUnavailable(client_->RestartDataplane()));
  server.join();
  EXPECT_TRUE(absl::IsUnavailable(client_->RestartDataplane()));
  while (gone_ == 0) std::this_thread::yield();
  EXPECT_EQ(gone_, 1);
}

TEST(SupervisorClientTest, RefusesADescriptorThatIsNoSocket) {
  const auto client = SupervisorClient::Create(dup(0), nullptr);
  EXPECT_EQ(client.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vswitch
