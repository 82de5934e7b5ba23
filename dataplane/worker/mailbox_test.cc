// What is sent arrives whole and in order, wakes a sleeper, and is answered.

#include "dataplane/worker/mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace vswitch {
namespace {

bool IsReadable(int fd) {
  pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&poll_fd, 1, 0) == 1;
}

TEST(MailboxTest, ChangesArriveWholeAndInOrder) {
  const std::unique_ptr<Mailbox> mailbox = *Mailbox::Create();
  Port* const port = reinterpret_cast<Port*>(0x1000);  // never used
  EXPECT_FALSE(mailbox->Take().has_value());
  EXPECT_FALSE(IsReadable(mailbox->fd()));
  for (uint16_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(mailbox
                    ->Send({.kind = PortChange::Kind::kAttach,
                            .id = PortId{i},
                            .epoch = i + 1000u,
                            .port = port})
                    .ok());
  }
  for (uint16_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(IsReadable(mailbox->fd()));
    const std::optional<PortChange> change = mailbox->Take();
    ASSERT_TRUE(change.has_value());
    EXPECT_EQ(change->kind, PortChange::Kind::kAttach);
    EXPECT_EQ(change->id, PortId{i});
    EXPECT_EQ(change->epoch, i + 1000u);
    EXPECT_EQ(change->port, port);
  }
  EXPECT_FALSE(IsReadable(mailbox->fd()));
  EXPECT_FALSE(mailbox->Take().has_value());
}

TEST(MailboxTest, AnswersGoTheOtherWay) {
  const std::unique_ptr<Mailbox> mailbox = *Mailbox::Create();
  EXPECT_FALSE(mailbox->TakeAnswer().has_value());
  mailbox->Answer({.kind = PortChange::Kind::kDetach, .id = PortId{3}});
  EXPECT_FALSE(mailbox->Take().has_value());
  const std::optional<PortChange> answer = mailbox->TakeAnswer();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->kind, PortChange::Kind::kDetach);
  EXPECT_EQ(answer->id, PortId{3});
  EXPECT_FALSE(mailbox->TakeAnswer().has_value());
}

TEST(MailboxTest, HoldsAChangeOfEveryPortAndSaysWhenItIsFull) {
  const std::unique_ptr<Mailbox> mailbox = *Mailbox::Create();
  uint32_t sent = 0;
  absl::Status status;
  while ((status = mailbox->Send({.id = PortId{7}})).ok()) ++sent;
  EXPECT_GE(sent, kMaxPorts);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  // None was cut short.
  while (mailbox->Take().has_value()) --sent;
  EXPECT_EQ(sent, 0u);
}

}  // namespace
}  // namespace vswitch
