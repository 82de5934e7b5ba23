// Services: lookups and selection in both families, refusals, damaged blobs.

#include "dataplane/nat/service_table.h"

#include <cstring>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/nat/service_table_builder.h"
#include "dataplane/nat/translation.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

// One family's addresses.
struct Family {
  const char* name;
  const char* service;
  const char* other_service;
  const char* client;
  const char* backend_prefix;
  const char* foreign_backend;
};

IpAddress Address(const std::string& text) { return *IpAddress::Parse(text); }

// A blob in memory of the alignment that Open() asks for.
class AlignedBlob {
 public:
  explicit AlignedBlob(const std::string& blob)
      : words_((blob.size() + 7) / 8), size_(blob.size()) {
    if (size_ > 0) std::memcpy(words_.data(), blob.data(), size_);
  }
  std::span<const std::byte> bytes() const {
    return {reinterpret_cast<const std::byte*>(words_.data()), size_};
  }
  std::span<std::byte> writable() {
    return {reinterpret_cast<std::byte*>(words_.data()), size_};
  }

 private:
  std::vector<uint64_t> words_;
  size_t size_;
};

class ServiceTableTest : public testing::TestWithParam<Family> {
 protected:
  ServiceSpec Spec(uint32_t backends) const {
    ServiceSpec spec;
    spec.address = Address(GetParam().service);
    spec.protocol = IpProtocol::kTcp;
    spec.port = 80;
    spec.service = 7;
    for (uint32_t i = 1; i <= backends; ++i) {
      spec.backends.push_back(
          {.address = Address(absl::StrCat(GetParam().backend_prefix, i)),
           .port = 8080,
           .endpoint = EndpointId{i}});
    }
    return spec;
  }
  FlowKey Key(uint16_t client_port) const {
    FlowKey key;
    key.source = Address(GetParam().client);
    key.destination = Address(GetParam().service);
    key.source_port = Be16::FromHost(client_port);
    key.destination_port = Be16::FromHost(80);
    key.protocol = IpProtocol::kTcp;
    return key;
  }
};

TEST_P(ServiceTableTest, EmptyBlobHasNoServices) {
  ServiceTableBuilder builder(1);
  const auto blob = builder.Build();
  ASSERT_TRUE(blob.ok());
  const auto table = ServiceTable::Open(AlignedBlob(*blob).bytes());
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->Lookup(Key(1), ClientSide::kInside).kind,
            ServiceLookupKind::kNotService);
}

TEST_P(ServiceTableTest, TellsServicePortAddressAndStranger) {
  ServiceTableBuilder builder(1);
  ASSERT_TRUE(builder.Insert(Spec(2)).ok());
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  ASSERT_TRUE(table.ok()) << table.status();

  const ServiceLookup found = table->Lookup(Key(1), ClientSide::kInside);
  ASSERT_EQ(found.kind, ServiceLookupKind::kFound);
  EXPECT_EQ(found.service->service, 7u);
  EXPECT_EQ(table->backends(*found.service, ClientSide::kInside).size(), 2u);

  FlowKey key = Key(1);
  key.destination_port = Be16::FromHost(81);
  EXPECT_EQ(table->Lookup(key, ClientSide::kInside).kind,
            ServiceLookupKind::kNoPort);
  key = Key(1);
  key.protocol = IpProtocol::kUdp;
  EXPECT_EQ(table->Lookup(key, ClientSide::kInside).kind,
            ServiceLookupKind::kNoPort);
  key = Key(1);
  key.protocol = IpProtocol::kHopByHop;  // number 0, as the address's record
  key.destination_port = Be16{};
  EXPECT_EQ(table->Lookup(key, ClientSide::kInside).kind,
            ServiceLookupKind::kNoPort);
  key = Key(1);
  key.destination = Address(GetParam().other_service);
  EXPECT_EQ(table->Lookup(key, ClientSide::kInside).kind,
            ServiceLookupKind::kNotService);
  key = Key(1);
  key.zone = 1;
  EXPECT_EQ(table->Lookup(key, ClientSide::kInside).kind,
            ServiceLookupKind::kNotService);
}

TEST_P(ServiceTableTest, FlowsSpreadOverBackendsAndStay) {
  ServiceTableBuilder builder(99);
  ASSERT_TRUE(builder.Insert(Spec(4)).ok());
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  ASSERT_TRUE(table.ok());
  std::map<EndpointId, int> hits;
  for (uint16_t port = 1; port <= 4000; ++port) {
    const ServiceLookup found = table->Lookup(Key(port), ClientSide::kInside);
    const BackendRecord* backend =
        table->Select(*found.service, Key(port), ClientSide::kInside);
    ASSERT_NE(backend, nullptr);
    EXPECT_EQ(backend,
              table->Select(*found.service, Key(port), ClientSide::kInside));
    ++hits[backend->endpoint];
  }
  ASSERT_EQ(hits.size(), 4u);
  for (const auto& [endpoint, count] : hits) EXPECT_NEAR(count, 1000, 150);
}

TEST_P(ServiceTableTest, AffinityIgnoresTheClientPort) {
  ServiceTableBuilder builder(99);
  ServiceSpec spec = Spec(4);
  spec.affinity_s = 60;
  ASSERT_TRUE(builder.Insert(spec).ok());
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  const ServiceRecord& service =
      *table->Lookup(Key(1), ClientSide::kInside).service;
  const BackendRecord* first =
      table->Select(service, Key(1), ClientSide::kInside);
  for (uint16_t port = 2; port < 200; ++port) {
    EXPECT_EQ(table->Select(service, Key(port), ClientSide::kInside), first);
  }
}

TEST_P(ServiceTableTest, ServiceWithoutBackendsSelectsNone) {
  ServiceTableBuilder builder(1);
  ASSERT_TRUE(builder.Insert(Spec(0)).ok());
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  const ServiceLookup found = table->Lookup(Key(1), ClientSide::kInside);
  ASSERT_EQ(found.kind, ServiceLookupKind::kFound);
  EXPECT_EQ(table->Select(*found.service, Key(1), ClientSide::kInside),
            nullptr);
}

TEST_P(ServiceTableTest, TranslationKeepsTheClientAndAnswersComeBack) {
  ServiceTableBuilder builder(1);
  ASSERT_TRUE(builder.Insert(Spec(1)).ok());
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  const FlowKey key = Key(1234);
  const BackendRecord* backend =
      table->Select(*table->Lookup(key, ClientSide::kInside).service, key,
                    ClientSide::kInside);
  const Translation translation = TranslateToBackend(key, *backend);
  EXPECT_TRUE(translation.ChangesDestination());
  EXPECT_FALSE(translation.ChangesSource());
  EXPECT_EQ(translation.after.destination,
            Address(absl::StrCat(GetParam().backend_prefix, 1)));
  EXPECT_EQ(translation.after.destination_port.ToHost(), 8080);
  EXPECT_EQ(translation.ReplyKey().source, translation.after.destination);
  EXPECT_EQ(translation.ReplyKey().destination, key.source);
  EXPECT_TRUE(NoTranslation(key).IsIdentity());
}

TEST_P(ServiceTableTest, EachSideHasItsBackends) {
  ServiceSpec spec = Spec(3);
  spec.flags |= kServiceFromOutside;
  spec.outside_backends = {spec.backends[1]};
  ServiceTableBuilder builder(1);
  ASSERT_TRUE(builder.Insert(spec).ok());
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  const ServiceRecord& service =
      *table->Lookup(Key(1), ClientSide::kOutside).service;
  std::map<IpAddress, int> chosen;
  for (uint16_t port = 1; port <= 100; ++port) {
    ++chosen[table->Select(service, Key(port), ClientSide::kInside)->address];
    EXPECT_EQ(table->Select(service, Key(port), ClientSide::kOutside)->address,
              spec.backends[1].address);
  }
  EXPECT_EQ(chosen.size(), 3u);
  const IpAddress& first = spec.backends[0].address;
  const Be16 port = Be16::FromHost(8080);
  EXPECT_NE(table->FindBackend(service, ClientSide::kInside, first, port),
            nullptr);
  EXPECT_EQ(table->FindBackend(service, ClientSide::kOutside, first, port),
            nullptr);
  EXPECT_EQ(table->FindBackend(service, ClientSide::kInside, first,
                               Be16::FromHost(8081)),
            nullptr);
}

TEST_P(ServiceTableTest, EveryBackendIsFoundByItsAddressAndPort) {
  ServiceSpec spec = Spec(200);
  for (size_t i = 0; i < spec.backends.size(); ++i) {
    spec.backends[i].port = static_cast<uint16_t>(40000 - i * 100);
  }
  spec.backends.push_back(spec.backends[7]);  // two ports at one address
  spec.backends.back().port = 9;
  ServiceTableBuilder builder(1);
  ASSERT_TRUE(builder.Insert(spec).ok());
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  const ServiceRecord& service =
      *table->Lookup(Key(1), ClientSide::kInside).service;
  for (const BackendSpec& backend : spec.backends) {
    const BackendRecord* found =
        table->FindBackend(service, ClientSide::kInside, backend.address,
                           Be16::FromHost(backend.port));
    ASSERT_NE(found, nullptr) << backend.address.ToString();
    EXPECT_EQ(found->address, backend.address);
    EXPECT_EQ(found->port.ToHost(), backend.port);
  }
}

TEST_P(ServiceTableTest, KnowsWhoseBackendsAreElsewhere) {
  ServiceSpec spec = Spec(1);
  spec.flags |= kServiceFromOutside | kServiceElsewhereOutside;
  ServiceTableBuilder builder(1);
  ASSERT_TRUE(builder.Insert(spec).ok());
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  const ServiceRecord& service =
      *table->Lookup(Key(1), ClientSide::kOutside).service;
  EXPECT_EQ(table->Select(service, Key(1), ClientSide::kOutside), nullptr);
  EXPECT_TRUE(ServiceTable::IsElsewhere(service, ClientSide::kOutside));
  EXPECT_FALSE(ServiceTable::IsElsewhere(service, ClientSide::kInside));
}

TEST_P(ServiceTableTest, EqualServicesGiveEqualBytesInAnyOrder) {
  ServiceSpec first = Spec(3);
  ServiceSpec second = Spec(2);
  second.port = 443;
  ServiceTableBuilder forward(5);
  ASSERT_TRUE(forward.Insert(first).ok());
  ASSERT_TRUE(forward.Insert(second).ok());
  std::swap(first.backends[0], first.backends[2]);
  ServiceTableBuilder backward(5);
  ASSERT_TRUE(backward.Insert(second).ok());
  ASSERT_TRUE(backward.Insert(first).ok());
  EXPECT_EQ(*forward.Build(), *backward.Build());
}

TEST_P(ServiceTableTest, PortsWithTheSameBackendsShareThem) {
  ServiceTableBuilder one(1), two(1);
  ServiceSpec spec = Spec(5);
  ASSERT_TRUE(one.Insert(spec).ok());
  ASSERT_TRUE(two.Insert(spec).ok());
  spec.port = 443;
  spec.flags |= kServiceFromOutside;
  spec.outside_backends = spec.backends;
  ASSERT_TRUE(two.Insert(spec).ok());
  // But for the record and its cell.
  EXPECT_LT(two.Build()->size(), one.Build()->size() + 200);
  const AlignedBlob blob(*two.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  FlowKey other = Key(9);
  other.destination_port = Be16::FromHost(443);
  const ServiceRecord& first =
      *table->Lookup(Key(9), ClientSide::kInside).service;
  const ServiceRecord& second =
      *table->Lookup(other, ClientSide::kInside).service;
  EXPECT_EQ(table->Select(first, Key(9), ClientSide::kInside),
            table->Select(second, Key(9), ClientSide::kOutside));
}

TEST_P(ServiceTableTest, TablesAreTakenOverFromTheBlobBefore) {
  ServiceTableBuilder builder(1);
  ASSERT_TRUE(builder.Insert(Spec(3)).ok());
  MaglevTables first, second, third;
  const std::string blob = *builder.Build({}, first);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(*builder.Build(first, second), blob);
  EXPECT_EQ(second.begin()->second, first.begin()->second);
  // What is in no blob any more is not kept.
  ServiceTableBuilder other(1);
  ASSERT_TRUE(other.Insert(Spec(4)).ok());
  ASSERT_TRUE(other.Build(first, third).ok());
  EXPECT_EQ(third.size(), 1u);
  EXPECT_NE(third.begin()->first, first.begin()->first);
}

TEST_P(ServiceTableTest, EarlierBackendsCountForATimeAndUntilTheyAreGone) {
  ServiceTableBuilder builder(1);
  ServiceSpec spec = Spec(2);
  spec.until_s = 1000;
  spec.backends[0].is_gone = true;
  ASSERT_TRUE(builder.Insert(spec).ok());
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  int found = 0, gone = 0;
  for (uint16_t port = 1; port <= 100; ++port) {
    const FlowKey key = Key(port);
    const BackendRecord* backend =
        table->SelectEarlier(key, ClientSide::kInside, 999);
    ++(backend == nullptr ? gone : found);
    if (backend != nullptr) {
      EXPECT_EQ(backend->address, spec.backends[1].address);
    }
    EXPECT_EQ(table->SelectEarlier(key, ClientSide::kInside, 1000), nullptr);
    EXPECT_EQ(table->SelectEarlier(key, ClientSide::kOutside, 999), nullptr);
  }
  EXPECT_NEAR(found, 50, 25);
  EXPECT_EQ(found + gone, 100);
}

TEST_P(ServiceTableTest, RefusesBadServicesByName) {
  ServiceTableBuilder builder(1);
  ASSERT_TRUE(builder.Insert(Spec(1)).ok());
  const absl::Status twice = builder.Insert(Spec(2));
  EXPECT_EQ(twice.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(twice.message().find(GetParam().service), std::string::npos);

  ServiceSpec spec = Spec(1);
  spec.port = 0;
  EXPECT_FALSE(builder.Insert(spec).ok());
  spec = Spec(2);
  spec.port = 81;
  spec.backends[1] = spec.backends[0];
  EXPECT_FALSE(builder.Insert(spec).ok());
  spec = Spec(1);
  spec.port = 81;
  spec.backends[0].weight = 0;
  EXPECT_FALSE(builder.Insert(spec).ok());
  spec = Spec(1);
  spec.port = 81;
  spec.backends[0].address = Address(GetParam().foreign_backend);
  EXPECT_FALSE(builder.Insert(spec).ok());
}

TEST_P(ServiceTableTest, ManyServicesAreAllFound) {
  ServiceTableBuilder builder(3);
  for (uint16_t port = 1; port <= 3000; ++port) {
    ServiceSpec spec = Spec(1);
    spec.port = port;
    spec.service = port;
    ASSERT_TRUE(builder.Insert(spec).ok());
  }
  const AlignedBlob blob(*builder.Build());
  const auto table = ServiceTable::Open(blob.bytes());
  ASSERT_TRUE(table.ok());
  for (uint16_t port = 1; port <= 3000; ++port) {
    FlowKey key = Key(9);
    key.destination_port = Be16::FromHost(port);
    const ServiceLookup found = table->Lookup(key, ClientSide::kInside);
    ASSERT_EQ(found.kind, ServiceLookupKind::kFound);
    EXPECT_EQ(found.service->service, port);
  }
}

TEST_P(ServiceTableTest, DamagedBlobIsRefusedOrStaysInsideIt) {
  ServiceTableBuilder builder(1);
  ServiceSpec spec = Spec(2);
  spec.flags |= kServiceFromOutside;
  spec.outside_backends = {spec.backends[0]};
  const IpAddress client = Address(GetParam().client);
  spec.source_ranges = {IpPrefix{client, uint8_t(client.IsIpv4() ? 32 : 128)}};
  ASSERT_TRUE(builder.Insert(spec).ok());
  const std::string good = *builder.Build();
  for (size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(
        ServiceTable::Open(AlignedBlob(good.substr(0, size)).bytes()).ok())
        << size;
  }
  // Every byte in turn: AddressSanitizer tells if a lookup leaves the blob.
  AlignedBlob damaged(good);
  for (std::byte& byte : damaged.writable()) {
    const std::byte kept = byte;
    for (std::byte value :
         {std::byte{0xff}, std::byte{0}, kept ^ std::byte{1}}) {
      byte = value;
      const auto table = ServiceTable::Open(damaged.bytes());
      if (!table.ok()) continue;
      for (const auto side : {ClientSide::kInside, ClientSide::kOutside}) {
        const ServiceLookup found = table->Lookup(Key(1), side);
        if (found.kind != ServiceLookupKind::kFound) continue;
        table->Select(*found.service, Key(1), side);
        table->FindBackend(*found.service, side, client, Be16{1});
      }
    }
    byte = kept;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Families, ServiceTableTest,
    testing::Values(Family{"Ipv4", "10.96.0.1", "10.96.0.2", "10.1.0.9",
                           "10.1.1.", "fd00::7"},
                    Family{"Ipv6", "fd00:96::1", "fd00:96::2", "fd00:1::9",
                           "fd00:2::", "10.1.1.1"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace vswitch
