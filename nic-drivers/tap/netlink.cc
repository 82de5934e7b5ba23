// Message layout: netlink(7) and rtnetlink(7).

#include "nic-drivers/tap/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "nic-drivers/tap/unique_fd.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

namespace vswitch {
namespace {

// Returns the text that the kernel attached to a failed request, or nothing.
std::string ExtendedText(const nlmsghdr& header, const nlmsgerr& error) {
  if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return "";
  // Behind the error lies the request: all of it, or only its header.
  size_t offset = NLMSG_LENGTH(sizeof(nlmsgerr));
  if ((header.nlmsg_flags & NLM_F_CAPPED) == 0 &&
      error.msg.nlmsg_len >= sizeof(nlmsghdr)) {
    offset += error.msg.nlmsg_len - sizeof(nlmsghdr);
  }
  const char* message = reinterpret_cast<const char*>(&header);
  for (offset = NLMSG_ALIGN(offset);
       offset + sizeof(nlattr) <= header.nlmsg_len;) {
    nlattr attribute;
    std::memcpy(&attribute, message + offset, sizeof(attribute));
    if (attribute.nla_len < sizeof(attribute) ||
        offset + attribute.nla_len > header.nlmsg_len) {
      break;
    }
    if ((attribute.nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG) {
      const char* text = message + offset + sizeof(attribute);
      return std::string(text,
                         strnlen(text, attribute.nla_len - sizeof(attribute)));
    }
    offset += NLA_ALIGN(attribute.nla_len);
  }
  return "";
}

absl::Status ReadAnswer(int fd, absl::string_view what) {
  alignas(nlmsghdr) std::array<char, 8192> buffer;
  const ssize_t bytes = recv(fd, buffer.data(), buffer.size(), 0);
  if (bytes < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what));
  }
  const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
  if (static_cast<size_t>(bytes) < NLMSG_LENGTH(sizeof(nlmsgerr)) ||
      header->nlmsg_len > static_cast<size_t>(bytes) ||
      header->nlmsg_type != NLMSG_ERROR) {
    return absl::InternalError(
        absl::StrCat("cannot ", what, ": the kernel's answer is no answer"));
  }
  const auto* error = reinterpret_cast<const nlmsgerr*>(NLMSG_DATA(header));
  if (error->error == 0) return absl::OkStatus();
  const std::string text = ExtendedText(*header, *error);
  return absl::ErrnoToStatus(
      -error->error,
      absl::StrCat("cannot ", what,
                   text.empty() ? "" : absl::StrCat(": ", text)));
}

}  // namespace

NetlinkRequest::NetlinkRequest(uint16_t type, uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  Append(&header, sizeof(header));
}

void NetlinkRequest::Append(const void* data, size_t bytes) {
  bytes_.append(static_cast<const char*>(data), bytes);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

void NetlinkRequest::PutAttribute(uint16_t type, const void* data,
                                  size_t bytes) {
  nlattr attribute{};
  attribute.nla_type = type;
  attribute.nla_len = static_cast<uint16_t>(sizeof(attribute) + bytes);
  Append(&attribute, sizeof(attribute));
  Append(data, bytes);
}

void NetlinkRequest::PutAttribute(uint16_t type,
                                  absl::string_view zero_terminated) {
  const std::string text(zero_terminated);
  PutAttribute(type, text.c_str(), text.size() + 1);
}

size_t NetlinkRequest::BeginNested(uint16_t type) {
  const size_t start = bytes_.size();
  PutAttribute(static_cast<uint16_t>(type | NLA_F_NESTED), nullptr, 0);
  return start;
}

void NetlinkRequest::EndNested(size_t start) {
  const auto bytes = static_cast<uint16_t>(bytes_.size() - start);
  std::memcpy(bytes_.data() + start + offsetof(nlattr, nla_len), &bytes,
              sizeof(bytes));
}

const std::string& NetlinkRequest::Finish() {
  const auto bytes = static_cast<uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &bytes,
              sizeof(bytes));
  return bytes_;
}

absl::Status SendNetlink(NetlinkRequest& request, absl::string_view what) {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.ok()) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot ", what, ": no netlink socket"));
  }
  const int on = 1;
  // Without it the kernel answers with a bare number; both are understood.
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  const std::string& bytes = request.Finish();
  if (send(fd.get(), bytes.data(), bytes.size(), 0) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what));
  }
  return ReadAnswer(fd.get(), what);
}

}  // namespace vswitch
