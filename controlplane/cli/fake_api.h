// controlplane/cli/fake_api.h
//
// FakeApiTest: a test of commands that speak to a switch: a test's fake
// services on a unix socket in a folder of its own.
//
//   class StatusTest : public FakeApiTest {
//    protected:
//     StatusTest() { Serve({&admin_}); }
//     ~StatusTest() override { Shutdown(); }
//     FakeAdmin admin_;
//   };
//   TEST_F(StatusTest, Succeeds) { EXPECT_EQ(Run({"status"}), 0) << err_; }
//
// Test code.

#ifndef VSWITCH_CONTROLPLANE_CLI_FAKE_API_H_
#define VSWITCH_CONTROLPLANE_CLI_FAKE_API_H_

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

namespace vswitch {

class FakeApiTest : public testing::Test {
 protected:
  FakeApiTest();
  ~FakeApiTest() override;

  // Starts the API with `services`, which the derived class owns: it calls
  // Shutdown() before they go.
  void Serve(const std::vector<grpc::Service*>& services);
  void Shutdown();

  std::string socket() const { return folder_ + "/s"; }
  // Returns the path of a file with `text` in the folder.
  std::string WriteFile(const std::string& name, const std::string& text) const;

  // Runs vswitchctl with `words` and the socket; what it prints goes to out_
  // and err_.  Returns its exit status.
  int Run(std::vector<std::string> words, const std::string& input = "");
  // The same for words that are separated by spaces.
  int RunLine(const std::string& line, const std::string& input = "");

  std::string folder_, out_, err_;

 private:
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_FAKE_API_H_
