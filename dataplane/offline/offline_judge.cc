// OfflineJudge: one generation, loaded once.

#include "dataplane/offline/offline_judge.h"

#include "dataplane/base/status_macros.h"
#include "dataplane/tables/identity_table_writer.h"

namespace vswitch {
namespace {

constexpr Generation kGeneration = 1;
// The tables are ours alone, nobody chooses addresses to collide in them.
constexpr HashSecret kSecret{0x7661746368, 0x70726f6265};

}  // namespace

absl::StatusOr<std::unique_ptr<OfflineJudge>> OfflineJudge::Create(
    const OfflineTables& tables) {
  std::unique_ptr<OfflineJudge> result(new OfflineJudge());
  ASSIGN_OR_RETURN(result->tables_, LoadedTables::Load(tables, kGeneration));
  result->area_ = IdentityArea(static_cast<uint32_t>(tables.bindings.size()));
  IdentityTableWriter writer(result->area_.memory(), kSecret, 0);
  writer.BeginGeneration(kGeneration, 0);
  for (const auto& [address, binding] : tables.bindings) {
    RETURN_IF_ERROR(writer.Bind(address, binding));
  }
  result->identities_ = IdentityTable(result->area_.memory(), kSecret);
  return result;
}

}  // namespace vswitch
