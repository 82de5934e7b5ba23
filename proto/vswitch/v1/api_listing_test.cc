// The comparison of listings, on hand-made descriptors.

#include "proto/vswitch/v1/api_listing.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A file with one message, one enum and one service.
constexpr char kFile[] = R"(
    name: "t.proto" package: "t" syntax: "proto3"
    message_type {
      name: "M"
      field { name: "a" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
      field { name: "b" number: 2 type: TYPE_UINT32 label: LABEL_REPEATED }
      field { name: "c" number: 3 type: TYPE_ENUM type_name: ".t.E"
              label: LABEL_OPTIONAL }
      field { name: "d" number: 4 type: TYPE_BOOL label: LABEL_OPTIONAL
              oneof_index: 0 }
      field { name: "e" number: 5 type: TYPE_BOOL label: LABEL_OPTIONAL
              oneof_index: 1 proto3_optional: true }
      oneof_decl { name: "choice" }
      oneof_decl { name: "_e" }
      nested_type {
        name: "N"
        field { name: "x" number: 1 type: TYPE_BYTES label: LABEL_OPTIONAL }
      }
      reserved_range { start: 7 end: 9 }
      reserved_name: "gone"
    }
    enum_type {
      name: "E"
      value { name: "E_UNSPECIFIED" number: 0 }
      value { name: "E_ONE" number: 1 }
      reserved_range { start: 4 end: 5 }
    }
    service {
      name: "S"
      method { name: "Do" input_type: ".t.M" output_type: ".t.M" }
      method { name: "Watch" input_type: ".t.M" output_type: ".t.M"
               server_streaming: true }
    })";

using google::protobuf::FileDescriptorProto;

FileDescriptorProto File() {
  FileDescriptorProto file;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kFile, &file));
  return file;
}

ApiListing Listing(const FileDescriptorProto& file) {
  google::protobuf::FileDescriptorSet set;
  *set.add_file() = file;
  absl::StatusOr<ApiListing> listing = ListApi(set, "t");
  EXPECT_TRUE(listing.ok()) << listing.status();
  return listing.ok() ? *listing : ApiListing();
}

std::vector<std::string> FaultsAfter(const FileDescriptorProto& changed) {
  return BrokenPromises(Listing(File()), Listing(changed));
}

TEST(ApiListingTest, NamesNumberTypeAndLabelOfEverything) {
  EXPECT_EQ(ToText(Listing(File())),
            "field t.M.N.x 1 bytes singular\n"
            "field t.M.a 1 string singular\n"
            "field t.M.b 2 uint32 repeated\n"
            "field t.M.c 3 t.E singular\n"
            "field t.M.d 4 bool oneof:choice\n"
            "field t.M.e 5 bool optional\n"
            "message t.M\n"
            "message t.M.N\n"
            "method t.S.Do t.M -> t.M\n"
            "method t.S.Watch t.M -> stream t.M\n"
            "reserved t.E.#4\n"
            "reserved t.E.#5\n"
            "reserved t.M.#7\n"
            "reserved t.M.#8\n"
            "reserved t.M.gone\n"
            "value t.E.E_ONE 1\n"
            "value t.E.E_UNSPECIFIED 0\n");
}

TEST(ApiListingTest, ReadsWhatItWrites) {
  ApiListing listing = Listing(File());
  absl::StatusOr<ApiListing> read = ParseApiListing("# x\n" + ToText(listing));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, listing);
  EXPECT_FALSE(ParseApiListing("field\n").ok());
}

TEST(ApiListingTest, OnlyThePackageAskedForIsListed) {
  google::protobuf::FileDescriptorSet set;
  *set.add_file() = File();
  EXPECT_THAT(*ListApi(set, "other"), IsEmpty());
}

TEST(ApiListingTest, BrokenDescriptorsAreRefused) {
  google::protobuf::FileDescriptorSet set;
  *set.add_file() = File();
  set.mutable_file(0)->add_dependency("not_there.proto");
  EXPECT_EQ(ListApi(set, "t").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(BrokenPromisesTest, NothingChangedBreaksNothing) {
  EXPECT_THAT(FaultsAfter(File()), IsEmpty());
}

TEST(BrokenPromisesTest, AdditionsAreWelcome) {
  FileDescriptorProto file = File();
  *file.add_message_type() = file.message_type(0).nested_type(0);
  auto* field = file.mutable_message_type(0)->add_field();
  *field = file.message_type(0).field(0);
  field->set_name("z");
  field->set_number(10);
  auto* value = file.mutable_enum_type(0)->add_value();
  value->set_name("E_TWO");
  value->set_number(2);
  auto* method = file.mutable_service(0)->add_method();
  *method = file.service(0).method(0);
  method->set_name("More");
  EXPECT_THAT(FaultsAfter(file), IsEmpty());
  EXPECT_THAT(Additions(Listing(File()), Listing(file)),
              ElementsAre("field t.M.z", "field t.N.x", "message t.N",
                          "method t.S.More", "value t.E.E_TWO"));
}

TEST(BrokenPromisesTest, ARenumberedFieldIsRefused) {
  FileDescriptorProto file = File();
  file.mutable_message_type(0)->mutable_field(0)->set_number(11);
  EXPECT_THAT(FaultsAfter(file),
              ElementsAre("\"field t.M.a 1 string singular\" has become "
                          "\"11 string singular\""));
}

TEST(BrokenPromisesTest, ARetypedFieldIsRefused) {
  FileDescriptorProto file = File();
  file.mutable_message_type(0)->mutable_field(1)->set_type(
      google::protobuf::FieldDescriptorProto::TYPE_UINT64);
  EXPECT_THAT(FaultsAfter(file), ElementsAre(HasSubstr("t.M.b")));
}

TEST(BrokenPromisesTest, AnotherLabelIsRefused) {
  FileDescriptorProto file = File();
  file.mutable_message_type(0)->mutable_field(0)->set_label(
      google::protobuf::FieldDescriptorProto::LABEL_REPEATED);
  EXPECT_THAT(FaultsAfter(file), ElementsAre(HasSubstr("t.M.a")));
}

TEST(BrokenPromisesTest, ARenamedFieldIsRefused) {
  FileDescriptorProto file = File();
  file.mutable_message_type(0)->mutable_field(0)->set_name("aa");
  EXPECT_THAT(FaultsAfter(file),
              ElementsAre(HasSubstr("reserved 1; reserved \"a\";")));
}

TEST(BrokenPromisesTest, AFieldGoesOnlyWithNumberAndNameReserved) {
  FileDescriptorProto file = File();
  auto* message = file.mutable_message_type(0);
  message->mutable_field()->erase(message->field().begin());
  EXPECT_THAT(FaultsAfter(file), ElementsAre(HasSubstr("t.M.a")));
  message->add_reserved_name("a");
  EXPECT_THAT(FaultsAfter(file), ElementsAre(HasSubstr("t.M.a")));
  auto* range = message->add_reserved_range();
  range->set_start(1);
  range->set_end(2);
  EXPECT_THAT(FaultsAfter(file), IsEmpty());
}

TEST(BrokenPromisesTest, AnEnumValueGoesOnlyWithNumberAndNameReserved) {
  FileDescriptorProto file = File();
  auto* type = file.mutable_enum_type(0);
  type->mutable_value()->RemoveLast();
  EXPECT_THAT(FaultsAfter(file), ElementsAre(HasSubstr("t.E.E_ONE")));
  type->add_reserved_name("E_ONE");
  auto* range = type->add_reserved_range();
  range->set_start(1);
  range->set_end(1);
  EXPECT_THAT(FaultsAfter(file), IsEmpty());
}

TEST(BrokenPromisesTest, ARenumberedEnumValueIsRefused) {
  FileDescriptorProto file = File();
  file.mutable_enum_type(0)->mutable_value(1)->set_number(2);
  EXPECT_THAT(FaultsAfter(file), ElementsAre(HasSubstr("t.E.E_ONE")));
}

TEST(BrokenPromisesTest, WhatIsReservedStaysReserved) {
  FileDescriptorProto file = File();
  auto* message = file.mutable_message_type(0);
  message->clear_reserved_name();
  message->mutable_reserved_range(0)->set_end(8);
  EXPECT_THAT(FaultsAfter(file),
              ElementsAre(HasSubstr("t.M.#8"), HasSubstr("t.M.gone")));
}

TEST(BrokenPromisesTest, AMethodStaysAsItIs) {
  FileDescriptorProto file = File();
  file.mutable_service(0)->mutable_method(1)->set_server_streaming(false);
  EXPECT_THAT(FaultsAfter(file), ElementsAre(HasSubstr("t.S.Watch")));
  file.mutable_service(0)->mutable_method()->RemoveLast();
  EXPECT_THAT(FaultsAfter(file), ElementsAre(HasSubstr("is gone")));
}

TEST(BrokenPromisesTest, AMessageStays) {
  FileDescriptorProto file = File();
  file.mutable_message_type(0)->clear_nested_type();
  EXPECT_THAT(FaultsAfter(file),
              ElementsAre(HasSubstr("t.M.N.x"), HasSubstr("message t.M.N")));
}

}  // namespace
}  // namespace vswitch
