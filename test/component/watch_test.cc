// ConfigService.Watch over its socket: what is, then SYNCED, then every change.

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "test/component/api_test.h"

namespace vswitch {
namespace {

class WatchTest : public ApiTest {};

// Three pods of one address.
constexpr char kPodA[] =
    "upserts { metadata { name: 'a' namespace: 'demo' } "
    "pod { pod_ips: '10.1.0.9' } } ";
constexpr char kPodB[] =
    "upserts { metadata { name: 'b' namespace: 'demo' } "
    "pod { pod_ips: '10.1.0.9' } } ";
constexpr char kPodC[] =
    "upserts { metadata { name: 'c' namespace: 'demo' } "
    "pod { pod_ips: '10.1.0.9' } } ";

// Reads a watch, event by event.
class Watcher {
 public:
  Watcher(v1::ConfigService::Stub& stub, const std::string& request) {
    call_.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    reader_ = stub.Watch(&call_, FromText<v1::WatchRequest>(request));
  }
  ~Watcher() {
    call_.TryCancel();
    v1::WatchEvent event;
    while (reader_->Read(&event)) {
    }
    grpc::Status ignored = reader_->Finish();
  }

  // Returns "UPSERTED web" or "SYNCED ".
  std::string Next() {
    v1::WatchEvent event;
    if (!reader_->Read(&event)) return "the stream has ended";
    generation_ = event.generation();
    return absl::StrCat(v1::WatchEvent::Type_Name(event.type()).substr(5), " ",
                        event.resource().metadata().name());
  }
  // Of the last event.
  uint64_t generation() const { return generation_; }

 private:
  grpc::ClientContext call_;
  std::unique_ptr<grpc::ClientReader<v1::WatchEvent>> reader_;
  uint64_t generation_ = 0;
};

TEST_F(WatchTest, AWatchGivesWhatExistsThenSyncedThenChanges) {
  ApplyDemoCluster();
  Watcher watcher(config(), "kind: RESOURCE_KIND_POD namespace: 'demo'");
  EXPECT_EQ(watcher.Next(), "UPSERTED db");
  EXPECT_EQ(watcher.Next(), "UPSERTED web");
  EXPECT_EQ(watcher.Next(), "SYNCED ");
  // Not of the kind and namespace that are watched.
  MustApply("upserts { metadata { name: 'x' } namespace {} }");
  MustApply("upserts { metadata { name: 'a' namespace: 'other' } pod {} }");
  v1::ApplyResponse added = MustApply(kPodA);
  EXPECT_EQ(watcher.Next(), "UPSERTED a");
  EXPECT_GE(watcher.generation(), added.generation());
  MustApply(
      "upserts { metadata { name: 'a' namespace: 'demo' } "
      "pod { pod_ips: '10.1.0.10' } }");
  EXPECT_EQ(watcher.Next(), "UPSERTED a") << "changed";
  MustApply("deletes { kind: RESOURCE_KIND_POD namespace: 'demo' name: 'a' }");
  EXPECT_EQ(watcher.Next(), "DELETED a");
}

TEST_F(WatchTest, ARefusedChangeIsNotWatched) {
  ApplyDemoCluster();
  Watcher watcher(config(), "kind: RESOURCE_KIND_POD");
  while (watcher.Next() != "SYNCED ") {
  }
  EXPECT_FALSE(Apply(std::string(kPodA) + kPodB).ok());
  MustApply(kPodC);
  EXPECT_EQ(watcher.Next(), "UPSERTED c");
}

TEST_F(WatchTest, AWatchOfAnUnknownKindIsRefused) {
  grpc::ClientContext call;
  v1::WatchRequest request;
  request.set_kind(static_cast<v1::ResourceKind>(99));
  auto reader = config().Watch(&call, request);
  v1::WatchEvent event;
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_EQ(FaultOf(reader->Finish()).field, "kind");
}

}  // namespace
}  // namespace vswitch
