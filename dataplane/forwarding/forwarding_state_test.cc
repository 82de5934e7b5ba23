// A generation opens whole, or not at all.

#include "dataplane/forwarding/forwarding_state.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/piece_copies.h"
#include "dataplane/nat/service_table_builder.h"
#include "dataplane/policy/policy_set_builder.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

// The blobs of a small generation, in memory aligned as a generation's is.
class Blobs {
 public:
  void Set(BlobKind kind, const std::string& bytes) {
    size_t index = static_cast<size_t>(kind);
    lines_[index].assign((bytes.size() + sizeof(Line) - 1) / sizeof(Line), {});
    if (!bytes.empty()) {
      std::memcpy(lines_[index].data(), bytes.data(), bytes.size());
    }
    spans_[index] = {reinterpret_cast<std::byte*>(lines_[index].data()),
                     bytes.size()};
  }
  template <typename Record>
  void SetRecords(BlobKind kind, const std::vector<Record>& records) {
    Set(kind, std::string(reinterpret_cast<const char*>(records.data()),
                          records.size() * sizeof(Record)));
  }
  const BlobSpans& spans() const { return spans_; }

 private:
  struct alignas(64) Line {
    char bytes[64];
  };
  std::array<std::vector<Line>, kBlobKindCount> lines_;
  BlobSpans spans_;
};

IpAddress Address(const char* text) { return *IpAddress::Parse(text); }

Blobs SmallGeneration() {
  Blobs blobs;
  Settings settings{};
  settings.host_port = PortId{1};
  blobs.SetRecords<Settings>(BlobKind::kSettings, {settings});
  std::vector<PortRecord> ports(2);
  ports[1].kind = PortKind::kHost;
  ports[1].endpoint = EndpointId{0};
  blobs.SetRecords(BlobKind::kPorts, ports);
  std::vector<EndpointRecord> endpoints(2);
  endpoints[0].identity = kIdentityHost;
  blobs.SetRecords(BlobKind::kEndpoints, endpoints);
  RouteTableBuilder routes;
  uint32_t to_host =
      PackRouteTarget({.kind = RouteKind::kPort, .port = PortId{1}});
  EXPECT_TRUE(routes.Insert(*IpPrefix::Parse("0.0.0.0/0"), to_host).ok());
  EXPECT_TRUE(routes.Insert(*IpPrefix::Parse("fd00::/8"), to_host).ok());
  blobs.Set(BlobKind::kRoutes, routes.Build());
  ServiceTableBuilder services(0);
  EXPECT_TRUE(services
                  .Insert({.address = Address("10.96.0.1"),
                           .protocol = IpProtocol::kTcp,
                           .port = 80})
                  .ok());
  blobs.Set(BlobKind::kServices, *services.Build());
  return blobs;
}

TEST(ForwardingStateTest, TheEmptyGenerationHasNothing) {
  absl::StatusOr<ForwardingState> state = ForwardingState::Open(1, {}, {});
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->generation(), 1u);
  EXPECT_EQ(state->port(PortId{0}), nullptr);
  EXPECT_EQ(state->endpoint(EndpointId{0}), nullptr);
  EXPECT_EQ(state->settings().host_port, kNoPort);
  EXPECT_FALSE(state->route(Address("10.0.0.1")).has_value());
  EXPECT_FALSE(state->route(Address("fd00::1")).has_value());
}

TEST(ForwardingStateTest, AllTablesAreOfTheGeneration) {
  Blobs blobs = SmallGeneration();
  const PieceCopies sets(
      {std::make_shared<const std::string>(*BuildPolicySet({}))});
  absl::StatusOr<ForwardingState> state =
      ForwardingState::Open(5, blobs.spans(), sets.list());
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->settings().host_port, PortId{1});
  EXPECT_EQ(state->port(PortId{0}), nullptr);  // a free slot
  ASSERT_NE(state->port(PortId{1}), nullptr);
  EXPECT_EQ(state->port(PortId{2}), nullptr);
  EXPECT_EQ(state->port(kNoPort), nullptr);
  ASSERT_NE(state->endpoint(EndpointId{0}), nullptr);
  EXPECT_EQ(state->endpoint(EndpointId{1}), nullptr);  // a free slot
  EXPECT_EQ(state->endpoint(kNoEndpoint), nullptr);
  EXPECT_EQ(state->policy().set_count(), 1u);
  for (const char* address : {"8.8.8.8", "fd00::1"}) {
    std::optional<RouteTarget> route = state->route(Address(address));
    ASSERT_TRUE(route.has_value()) << address;
    EXPECT_EQ(route->kind, RouteKind::kPort);
    EXPECT_EQ(route->port, PortId{1});
  }
  EXPECT_FALSE(state->route(Address("2001:db8::1")).has_value());
  FlowKey key;
  key.destination = Address("10.96.0.1");
  key.destination_port = Be16::FromHost(80);
  key.protocol = IpProtocol::kTcp;
  EXPECT_EQ(state->services().Lookup(key, ClientSide::kInside).kind,
            ServiceLookupKind::kFound);
}

TEST(ForwardingStateTest, ABlobOfTheWrongSizeIsRefused) {
  for (BlobKind kind :
       {BlobKind::kSettings, BlobKind::kPorts, BlobKind::kEndpoints,
        BlobKind::kRoutes, BlobKind::kServices}) {
    Blobs blobs = SmallGeneration();
    BlobSpans spans = blobs.spans();
    std::span<const std::byte>& span = spans[static_cast<size_t>(kind)];
    span = span.first(span.size() - 1);
    EXPECT_FALSE(ForwardingState::Open(5, spans, {}).ok())
        << static_cast<int>(kind);
  }
}

TEST(ForwardingStateTest, CountsBeyondTheirArraysAreRefused) {
  Blobs blobs = SmallGeneration();
  std::vector<PortRecord> ports(1);
  ports[0].address_count = kMaxPortAddresses + 1;
  blobs.SetRecords(BlobKind::kPorts, ports);
  EXPECT_EQ(ForwardingState::Open(5, blobs.spans(), {}).status().message(),
            "ports: a record with 9 addresses, at most 8 fit");
  blobs.SetRecords(BlobKind::kPorts, std::vector<PortRecord>(kMaxPorts + 1));
  EXPECT_FALSE(ForwardingState::Open(5, blobs.spans(), {}).ok());
  blobs = SmallGeneration();
  Settings settings{};
  settings.node_address_count = kMaxNodeAddresses + 1;
  blobs.SetRecords<Settings>(BlobKind::kSettings, {settings});
  EXPECT_FALSE(ForwardingState::Open(5, blobs.spans(), {}).ok());
}

TEST(RouteTargetTest, PacksBothWays) {
  RouteTarget target{.kind = RouteKind::kPort, .port = PortId{1023}};
  RouteTarget back = UnpackRouteTarget(PackRouteTarget(target));
  EXPECT_EQ(back.kind, target.kind);
  EXPECT_EQ(back.port, target.port);
}

}  // namespace
}  // namespace vswitch
