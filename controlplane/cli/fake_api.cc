// The folder, the server and the command.

#include "controlplane/cli/fake_api.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controlplane/cli/cli.h"

namespace vswitch {

FakeApiTest::FakeApiTest() {
  char folder[] = "/tmp/vswitch-cli-XXXXXX";  // a socket's path is short
  EXPECT_NE(mkdtemp(folder), nullptr);
  folder_ = folder;
}

FakeApiTest::~FakeApiTest() {
  Shutdown();
  std::filesystem::remove_all(folder_);
}

void FakeApiTest::Serve(const std::vector<grpc::Service*>& services) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("unix:", socket()),
                           grpc::InsecureServerCredentials());
  for (grpc::Service* service : services) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
  EXPECT_NE(server_, nullptr);
}

void FakeApiTest::Shutdown() {
  if (server_ != nullptr) server_->Shutdown();
  server_.reset();
}

std::string FakeApiTest::WriteFile(const std::string& name,
                                   const std::string& text) const {
  const std::string path = absl::StrCat(folder_, "/", name);
  std::ofstream(path) << text;
  return path;
}

int FakeApiTest::Run(std::vector<std::string> words, const std::string& input) {
  words.push_back("--socket=" + socket());
  std::ostringstream out, err;
  std::istringstream in(input);
  const int status = RunCli(words, out, err, in);
  out_ = out.str();
  err_ = err.str();
  return status;
}

int FakeApiTest::RunLine(const std::string& line, const std::string& input) {
  return Run(absl::StrSplit(line, ' ', absl::SkipEmpty()), input);
}

}  // namespace vswitch
