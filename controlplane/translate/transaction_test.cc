// A transaction is read whole: one answer names all its faults.

#include "controlplane/translate/transaction.h"

#include <string>
#include <vector>

#include "controlplane/translate/errors.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<Transaction> Read(const std::string& text) {
  v1::ApplyRequest request;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request));
  return ToTransaction(request);
}

TEST(TransactionTest, ReadsUpsertsAndDeletes) {
  absl::StatusOr<Transaction> transaction = Read(
      "manager { name: 'cli' epoch: 7 } dry_run: true force: true "
      "upserts { metadata { name: 'a' } pod {} } "
      "deletes { kind: RESOURCE_KIND_NODE name: 'n' }");
  ASSERT_TRUE(transaction.ok()) << transaction.status();
  EXPECT_EQ(transaction->manager.epoch, 7u);
  EXPECT_TRUE(transaction->dry_run);
  EXPECT_TRUE(transaction->force);
  EXPECT_EQ(transaction->upserts.size(), 1u);
  EXPECT_EQ(transaction->deletes[0].ToString(), "Node n");
}

TEST(TransactionTest, NamesTheFaultsOfAllResources) {
  absl::StatusOr<Transaction> transaction = Read(
      "upserts { metadata { name: 'a' } pod { pod_ips: 'x' } } "
      "upserts { metadata { name: 'B' } pod {} } "
      "deletes { name: 'n' }");
  ASSERT_FALSE(transaction.ok());
  // Also the missing manager.
  EXPECT_EQ(FaultsOf(transaction.status()).size(), 4u);
}

TEST(TransactionTest, WhatHasNoNameIsNamedByItsPlace) {
  absl::StatusOr<Transaction> transaction = Read(
      "manager { name: 'cli' } upserts { metadata { name: 'a' } pod {} } "
      "upserts { metadata { name: 'b' } } "
      "deletes { kind: RESOURCE_KIND_NODE name: 'n' } deletes { name: 'm' }");
  std::vector<std::string> fields;
  for (const Fault& fault : FaultsOf(transaction.status())) {
    fields.push_back(fault.field);
  }
  EXPECT_THAT(fields, ElementsAre("upserts[1].spec", "deletes[1].kind"));
}

TEST(TransactionTest, AResourceStandsInItOnce) {
  absl::StatusOr<Transaction> transaction = Read(
      "manager { name: 'cli' } upserts { metadata { name: 'a' } pod {} } "
      "deletes { kind: RESOURCE_KIND_POD name: 'a' }");
  ASSERT_FALSE(transaction.ok());
  EXPECT_THAT(std::string(transaction.status().message()),
              HasSubstr("Pod default/a: stands in the transaction twice"));
}

TEST(TransactionTest, UnknownRequestFieldsAreRefused) {
  v1::ApplyRequest request;
  request.mutable_manager()->set_name("cli");
  request.GetReflection()->MutableUnknownFields(&request)->AddVarint(99, 1);
  EXPECT_FALSE(ToTransaction(request).ok());
}

}  // namespace
}  // namespace vswitch
