// What a load balancer is told at a health check's port, in both families.

#include "controlplane/health/health_servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace vswitch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Json = nlohmann::json;

sockaddr_in6 LoopbackAt(uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  address.sin6_port = htons(port);
  return address;
}

// Returns a port that was free a moment ago.
uint16_t FreePort() {
  const int fd = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address = LoopbackAt(0);
  socklen_t bytes = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), bytes), 0);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes);
  close(fd);
  return ntohs(address.sin6_port);
}

// Returns what is answered to a request, "" if nobody takes it.
std::string Ask(int family, uint16_t port,
                const std::string& request_line = "GET /healthz") {
  const int fd = socket(family, SOCK_STREAM, 0);
  const timeval patience{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in6 ipv6 = LoopbackAt(port);
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  ipv4.sin_port = htons(port);
  ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool is_ipv6 = family == AF_INET6;
  std::string answer;
  if (connect(fd,
              is_ipv6 ? reinterpret_cast<sockaddr*>(&ipv6)
                      : reinterpret_cast<sockaddr*>(&ipv4),
              is_ipv6 ? sizeof(ipv6) : sizeof(ipv4)) == 0) {
    const std::string request = absl::StrCat(
        request_line, " HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(write(fd, request.data(), request.size()),
              static_cast<ssize_t>(request.size()));
    char buffer[4096];
    ssize_t count;
    while ((count = read(fd, buffer, sizeof(buffer))) > 0) {
      answer.append(buffer, static_cast<size_t>(count));
    }
  }
  close(fd);
  return answer;
}

Json BodyOf(const std::string& answer) {
  const size_t at = answer.find("\r\n\r\n");
  return Json::parse(answer.substr(std::min(at, answer.size())), nullptr,
                     /*allow_exceptions=*/false);
}

class HealthServersTest : public testing::TestWithParam<int> {
 protected:
  std::string Get(uint16_t port) { return Ask(GetParam(), port); }

  std::atomic<bool> is_healthy_{true};
  HealthServers servers_{[this] { return is_healthy_.load(); }};
  const uint16_t port_ = FreePort();
};

TEST_P(HealthServersTest, SaysHowManyEndpointsTheNodeHas) {
  servers_.Update({{port_, "demo", "web", 2}});
  EXPECT_THAT(servers_.Problems(), IsEmpty());
  const std::string answer = Get(port_);
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(answer, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(answer, HasSubstr("X-Load-Balancing-Endpoint-Weight: 2"));
  const Json wanted = {{"service", {{"namespace", "demo"}, {"name", "web"}}},
                       {"localEndpoints", 2},
                       {"serviceProxyHealthy", true}};
  EXPECT_EQ(BodyOf(answer), wanted);
}

TEST_P(HealthServersTest, IsUnavailableWithoutEndpoints) {
  servers_.Update({{port_, "demo", "web", 1}});
  EXPECT_THAT(Get(port_), HasSubstr("HTTP/1.1 200 "));
  servers_.Update({{port_, "demo", "web", 0}});
  const std::string answer = Get(port_);
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 503 "));
  EXPECT_EQ(BodyOf(answer)["localEndpoints"], 0);
  EXPECT_EQ(BodyOf(answer)["serviceProxyHealthy"], true);
}

TEST_P(HealthServersTest, IsUnavailableWhileTheSwitchDoesNotWork) {
  servers_.Update({{port_, "demo", "web", 3}});
  is_healthy_ = false;
  const std::string answer = Get(port_);
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 503 "));
  EXPECT_EQ(BodyOf(answer)["localEndpoints"], 3);
  EXPECT_EQ(BodyOf(answer)["serviceProxyHealthy"], false);
}

TEST_P(HealthServersTest, EveryPathAndMethodIsAnswered) {
  servers_.Update({{port_, "demo", "web", 1}});
  for (const char* line : {"GET /", "GET /any/path?x=y", "POST /healthz"}) {
    EXPECT_THAT(Ask(GetParam(), port_, line), HasSubstr("HTTP/1.1 200 "))
        << line;
  }
  const std::string head = Ask(GetParam(), port_, "HEAD /healthz");
  EXPECT_THAT(head, HasSubstr("HTTP/1.1 200 "));
  EXPECT_THAT(Ask(GetParam(), port_, "nonsense"),
              testing::Not(HasSubstr(" 200 ")));
}

TEST_P(HealthServersTest, ServicesComeAndGo) {
  const uint16_t other = FreePort();
  servers_.Update({{port_, "demo", "web", 1}, {other, "demo", "db", 2}});
  EXPECT_EQ(BodyOf(Get(port_))["service"]["name"], "web");
  EXPECT_EQ(BodyOf(Get(other))["service"]["name"], "db");
  servers_.Update({{other, "demo", "db", 2}});
  EXPECT_EQ(Get(port_), "");
  EXPECT_THAT(Get(other), HasSubstr("HTTP/1.1 200 "));
  // The port goes to another service.
  servers_.Update({{port_, "demo", "db", 2}});
  EXPECT_EQ(BodyOf(Get(port_))["service"]["name"], "db");
  EXPECT_EQ(Get(other), "");
}

TEST_P(HealthServersTest, APortThatIsTakenIsNamedAndTriedAgain) {
  const int holder = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address = LoopbackAt(port_);
  ASSERT_EQ(
      bind(holder, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(holder, 1), 0);
  const std::vector<HealthCheck> checks = {{port_, "demo", "web", 1}};
  servers_.Update(checks);
  EXPECT_THAT(
      servers_.Problems(),
      ElementsAre(absl::StrCat("health check of Service demo/web: port ", port_,
                               ": Address already in use")));
  close(holder);
  servers_.Update(checks);
  EXPECT_THAT(servers_.Problems(), IsEmpty());
  EXPECT_THAT(Get(port_), HasSubstr("HTTP/1.1 200 "));
}

INSTANTIATE_TEST_SUITE_P(Families, HealthServersTest,
                         testing::Values(AF_INET, AF_INET6),
                         [](const testing::TestParamInfo<int>& info) {
                           return info.param == AF_INET ? "Ipv4" : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
