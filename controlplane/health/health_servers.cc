// HTTP servers of libmicrohttpd, one a port.

#include "controlplane/health/health_servers.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace vswitch {
namespace {

// A balancer has a few probes under way; whoever else comes may not hold more.
constexpr unsigned kMaxConnections = 64;
constexpr unsigned kTimeoutSeconds = 5;
constexpr int kBacklog = 64;

absl::Status LastError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, strerror(errno)));
}

// Binds `family`'s unspecified address; that of IPv6 takes IPv4 as well.
absl::StatusOr<int> Listen(int family, uint16_t port) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return LastError("socket: ");
  absl::Cleanup close_fd = [fd] { close(fd); };
  const int on = 1, off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(port);
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_port = htons(port);
  const bool is_ipv6 = family == AF_INET6;
  if (is_ipv6 &&
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0) {
    return LastError("IPV6_V6ONLY: ");
  }
  const auto* address = is_ipv6 ? reinterpret_cast<const sockaddr*>(&ipv6)
                                : reinterpret_cast<const sockaddr*>(&ipv4);
  const socklen_t bytes = is_ipv6 ? sizeof(ipv6) : sizeof(ipv4);
  if (bind(fd, address, bytes) != 0 || listen(fd, kBacklog) != 0) {
    return LastError("");
  }
  std::move(close_fd).Cancel();
  return fd;
}

absl::StatusOr<int> ListenEverywhere(uint16_t port) {
  absl::StatusOr<int> fd = Listen(AF_INET6, port);
  // A kernel without IPv6 has neither the family nor an address to bind.
  if (fd.ok() || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)) return fd;
  return Listen(AF_INET, port);
}

}  // namespace

class HealthServers::Server {
 public:
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const HealthServers& owner, uint16_t port) {
    ASSIGN_OR_RETURN(const int fd, ListenEverywhere(port));
    std::unique_ptr<Server> server(new Server(owner, port));
    server->daemon_ = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, port, nullptr, nullptr,
        &Server::OnRequest, server.get(), MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, kMaxConnections,
        MHD_OPTION_CONNECTION_TIMEOUT, kTimeoutSeconds, MHD_OPTION_END);
    if (server->daemon_ == nullptr) {
      close(fd);
      return absl::UnavailableError("libmicrohttpd does not start");
    }
    return server;
  }
  // Waits for the request that is being answered.
  ~Server() {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }

 private:
  Server(const HealthServers& owner, uint16_t port)
      : owner_(owner), port_(port) {}

  static MHD_Result OnRequest(void* self, MHD_Connection* connection,
                              const char*, const char*, const char*,
                              const char*, size_t*, void**) {
    const auto& server = *static_cast<const Server*>(self);
    const Answer answer = server.owner_.AnswerFor(server.port_);
    MHD_Response* response = MHD_create_response_from_buffer(
        answer.body.size(), const_cast<char*>(answer.body.data()),
        MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "X-Load-Balancing-Endpoint-Weight",
                            absl::StrCat(answer.local_endpoints).c_str());
    const MHD_Result result = MHD_queue_response(
        connection, static_cast<unsigned>(answer.status), response);
    MHD_destroy_response(response);
    return result;
  }

  const HealthServers& owner_;
  const uint16_t port_;
  MHD_Daemon* daemon_ = nullptr;
};

HealthServers::HealthServers(std::function<bool()> is_healthy)
    : is_healthy_(std::move(is_healthy)) {}

HealthServers::~HealthServers() = default;

void HealthServers::Update(const std::vector<HealthCheck>& checks) {
  std::map<uint16_t, HealthCheck> wanted;
  for (const HealthCheck& check : checks) wanted[check.port] = check;
  {
    absl::MutexLock lock(&mutex_);
    checks_ = wanted;
  }
  // Without the lock: a server that stops waits for its answers.
  std::erase_if(servers_, [&wanted](const auto& server) {
    return !wanted.contains(server.first);
  });
  std::vector<std::string> problems;
  for (const auto& [port, check] : wanted) {
    if (servers_.contains(port)) continue;
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(*this, port);
    if (server.ok()) {
      servers_[port] = *std::move(server);
      continue;
    }
    problems.push_back(absl::StrCat(
        "health check of Service ", check.service_namespace, "/",
        check.service_name, ": port ", port, ": ", server.status().message()));
  }
  absl::MutexLock lock(&mutex_);
  problems_ = std::move(problems);
}

std::vector<std::string> HealthServers::Problems() const {
  absl::MutexLock lock(&mutex_);
  return problems_;
}

HealthServers::Answer HealthServers::AnswerFor(uint16_t port) const {
  HealthCheck check;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = checks_.find(port);
    // It is being closed: nobody is to be sent here.
    if (found != checks_.end()) check = found->second;
  }
  const bool is_healthy = is_healthy_();
  const nlohmann::ordered_json body = {
      {"service",
       {{"namespace", check.service_namespace}, {"name", check.service_name}}},
      {"localEndpoints", check.local_endpoints},
      {"serviceProxyHealthy", is_healthy}};
  const bool is_available = is_healthy && check.local_endpoints > 0;
  return {.status = is_available ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
          .local_endpoints = check.local_endpoints,
          .body = body.dump()};
}

}  // namespace vswitch
