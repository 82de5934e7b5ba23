// Stands in for both children in supervisor_test: a program that does through
// its SupervisorClient what the test tells it, line by line, over a unix socket
// in its state folder (control plane) or in VSWITCH_TEST_DIR (dataplane).

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dataplane/supervisor/client.h"

namespace vswitch {
namespace {

std::mutex notices_mutex;
std::string notices;  // one letter each: S(tarted) R(eady) D(ied) G(one)

void Note(const Notice& notice) {
  if (notice.kind == Notice::Kind::kSupervisorGone) _exit(0);
  std::lock_guard<std::mutex> lock(notices_mutex);
  notices += "SRDG"[static_cast<int>(notice.kind)];
}

std::string Text(const absl::Status& status) {
  return status.ok() ? "OK" : std::string(status.message());
}

PortEpoch ParsePort(const std::vector<std::string>& words) {
  int port = 0;
  uint32_t epoch = 0;
  (void)absl::SimpleAtoi(words.at(1), &port);
  (void)absl::SimpleAtoi(words.at(2), &epoch);
  return {PortId{static_cast<uint16_t>(port)}, epoch};
}

// attach PORT EPOCH NAME NETNS IFNAME
std::string Attach(SupervisorClient& client,
                   const std::vector<std::string>& words) {
  AttachPortRequest request;
  request.port = ParsePort(words).port;
  request.epoch = ParsePort(words).epoch;
  request.name = words.at(3);
  request.netns = words.at(4);
  request.ifname = words.at(5);
  request.mac = *MacAddress::Parse("02:00:00:00:00:05");
  request.addresses = {*IpPrefix::ParseInterface("10.9.0.5/32"),
                       *IpPrefix::ParseInterface("fd09::5/128")};
  request.gateways = {*IpAddress::Parse("10.9.0.1"),
                      *IpAddress::Parse("fd09::1")};
  return Text(client.AttachPort(request));
}

std::string List(SupervisorClient& client) {
  std::string text = "OK";
  const auto ports = client.ListPorts();
  if (!ports.ok()) return Text(ports.status());
  for (const AttachedPort& port : *ports) {
    absl::StrAppend(&text, " ", port.name, "/", port.id.epoch, "/",
                    port.alive ? "alive" : "gone");
  }
  return text;
}

std::string Status(SupervisorClient& client) {
  const auto status = client.GetStatus();
  if (!status.ok()) return Text(status.status());
  const ChildStatus& dataplane = status->dataplane;
  return absl::StrCat("OK ", dataplane.pid, " ", dataplane.incarnation, " ",
                      dataplane.restarts, " ", dataplane.last_gap_ms >= 0, " ",
                      status->controlplane.restarts, " ", dataplane.last_exit);
}

std::string Fds(SupervisorClient& client,
                const std::vector<std::string>& words) {
  const PortEpoch port = ParsePort(words);
  const auto fds = client.GetPortFds(port.port, port.epoch);
  if (!fds.ok()) return Text(fds.status());
  struct stat info {};
  const bool device = fds->size() == 1 &&
                      fstat(fds->front().get(), &info) == 0 &&
                      S_ISCHR(info.st_mode);
  return device ? "OK" : "not one character device";
}

std::string Do(SupervisorClient& client, const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ');
  if (words[0] == "attach") return Attach(client, words);
  if (words[0] == "detach") {
    const PortEpoch port = ParsePort(words);
    return Text(client.DetachPort(port.port, port.epoch));
  }
  if (words[0] == "list") return List(client);
  if (words[0] == "status") return Status(client);
  if (words[0] == "restart") return Text(client.RestartDataplane());
  if (words[0] == "fds") return Fds(client, words);
  if (words[0] == "notices") {
    std::lock_guard<std::mutex> lock(notices_mutex);
    return notices;
  }
  if (words[0] == "pid") return absl::StrCat(getpid());
  if (words[0] == "ignore-stop") {
    signal(SIGTERM, SIG_IGN);
    return "OK";
  }
  return "unknown command";
}

std::string FlagValue(int argc, char** argv, const std::string& flag) {
  for (int i = 1; i < argc; ++i) {
    if (absl::StartsWith(argv[i], flag)) return argv[i] + flag.size();
  }
  return "";
}

int Serve(SupervisorClient& client, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return 3;
  std::strcpy(address.sun_path, path.c_str());
  unlink(path.c_str());
  const int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
          0 ||
      listen(listener, 8) != 0) {
    std::perror(path.c_str());
    return 3;
  }
  while (true) {
    const int connection = accept(listener, nullptr, nullptr);
    char buffer[512];
    const ssize_t bytes = read(connection, buffer, sizeof(buffer));
    if (bytes > 0) {
      const std::string answer =
          Do(client, std::string(buffer, static_cast<size_t>(bytes)));
      (void)!write(connection, answer.data(), answer.size());
    }
    close(connection);
  }
}

int Main(int argc, char** argv) {
  if (std::getenv("VSWITCH_TEST_REFUSE") != nullptr) return 1;
  auto client = SupervisorClient::Create(kSupervisorFd, Note);
  if (!client.ok()) return 2;
  const std::string dir = std::getenv("VSWITCH_TEST_DIR");
  const std::string incarnation = FlagValue(argc, argv, "--incarnation=");
  if (incarnation.empty()) return Serve(**client, dir + "/c");
  uint64_t number = 0;
  (void)absl::SimpleAtoi(incarnation, &number);
  if (!(*client)->ReportReady(number).ok()) return 4;
  if (std::getenv("VSWITCH_TEST_CRASH") != nullptr) abort();
  return Serve(**client, dir + "/d");
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) { return vswitch::Main(argc, argv); }
