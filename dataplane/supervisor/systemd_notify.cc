// One datagram to the socket named by NOTIFY_SOCKET.

#include "dataplane/supervisor/systemd_notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>

#include "nic-drivers/tap/unique_fd.h"

namespace vswitch {

void NotifySystemd(absl::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || strlen(path) >= sizeof(address.sun_path)) return;
  std::strcpy(address.sun_path, path);
  // '@' stands for the zero that begins an abstract name.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto bytes =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + strlen(path));
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&address), bytes);
}

}  // namespace vswitch
