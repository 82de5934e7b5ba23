// Runs vswitchd with programs that do what the test says
// (testing/fake_child.cc) and namespaces of its own.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr char kProgram[] = "dataplane/supervisor/vswitchd";
constexpr char kFake[] = "dataplane/supervisor/fake_child";

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

int Shell(const std::string& command) {
  return WEXITSTATUS(std::system(command.c_str()));
}

class SupervisorTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/vswsupXXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
    netns_ = absl::StrCat("vswsup", getpid());
    setenv("VSWITCH_TEST_DIR", dir_.c_str(), 1);
  }

  void TearDown() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    Shell(absl::StrCat("ip netns del ", netns_, " 2>/dev/null"));
    unsetenv("VSWITCH_TEST_REFUSE");
    unsetenv("VSWITCH_TEST_CRASH");
    std::filesystem::remove_all(dir_);
  }

  // Starts vswitchd with small memories and `flags`; its messages go to
  // log_path().
  void Start(const std::vector<std::string>& flags = {}) {
    const std::string here = std::filesystem::current_path();
    std::vector<std::string> arguments = {
        kProgram,
        absl::StrCat("--run-dir=", dir_, "/run"),
        absl::StrCat("--state-dir=", dir_, "/state"),
        absl::StrCat("--controlplane=", here, "/", kFake),
        absl::StrCat("--dataplane=", here, "/", kFake),
        "--table-memory-mb=8",
        "--identities=1024",
        "--connections=1024",
        "--hugepages=off"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log_path().c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ASSERT_EQ(
        posix_spawn(&pid_, kProgram, &actions, nullptr, argv.data(), environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
  }

  // Tells the fake behind the socket `who` ("c" or "d") to do `line`.
  std::string Tell(const std::string& who, const std::string& line) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, absl::StrCat(dir_, "/", who).c_str());
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    std::string answer;
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
            0 &&
        send(fd, line.data(), line.size(), MSG_NOSIGNAL) > 0) {
      char buffer[1024];
      const ssize_t bytes = read(fd, buffer, sizeof(buffer));
      if (bytes > 0) answer.assign(buffer, static_cast<size_t>(bytes));
    }
    close(fd);
    return answer;
  }

  void StartAndWait(const std::vector<std::string>& flags = {}) {
    Start(flags);
    ASSERT_TRUE(Eventually([&] {
      return !Tell("c", "pid").empty() && !Tell("d", "pid").empty();
    })) << Log();
  }

  int Pid(const std::string& who) {
    int pid = 0;
    (void)absl::SimpleAtoi(Tell(who, "pid"), &pid);
    return pid;
  }

  // Waits until vswitchd ends; returns its exit status.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void MakeNamespace() {
    ASSERT_EQ(Shell(absl::StrCat("ip netns add ", netns_)), 0);
  }
  std::string AttachLine(int epoch) {
    return absl::StrCat("attach 3 ", epoch, " demo/a /run/netns/", netns_,
                        " eth0");
  }
  bool HasInterface() {
    return Shell(absl::StrCat("ip -n ", netns_,
                              " link show eth0 >/dev/null 2>&1")) == 0;
  }

  std::string log_path() const { return dir_ + "/log"; }
  std::string Log() const {
    std::ifstream file(log_path());
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  std::string dir_;
  std::string netns_;
  pid_t pid_ = 0;
};

TEST_F(SupervisorTest, StopsCleanlyAndLeavesNothing) {
  MakeNamespace();
  StartAndWait();
  const int controlplane = Pid("c");
  const int dataplane = Pid("d");
  EXPECT_EQ(Tell("c", AttachLine(1)), "OK");
  EXPECT_TRUE(HasInterface());
  kill(pid_, SIGTERM);
  EXPECT_EQ(Wait(), 0) << Log();
  EXPECT_FALSE(HasInterface());
  EXPECT_NE(kill(controlplane, 0), 0);
  EXPECT_NE(kill(dataplane, 0), 0);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/run"));
}

TEST_F(SupervisorTest, KillsAChildThatDoesNotStop) {
  StartAndWait({"--stop-timeout-ms=200"});
  EXPECT_EQ(Tell("d", "ignore-stop"), "OK");
  kill(pid_, SIGINT);
  EXPECT_EQ(Wait(), 0);
  EXPECT_TRUE(absl::StrContains(Log(), "did not stop within 200 ms")) << Log();
}

TEST_F(SupervisorTest, ChildrenEndWithAKilledSupervisor) {
  StartAndWait();
  const int controlplane = Pid("c");
  const int dataplane = Pid("d");
  kill(pid_, SIGKILL);
  Wait();
  EXPECT_TRUE(Eventually(
      [&] { return kill(controlplane, 0) != 0 && kill(dataplane, 0) != 0; }));
}

TEST_F(SupervisorTest, AttachIsIdempotentByNameAndEpoch) {
  MakeNamespace();
  StartAndWait();
  EXPECT_EQ(Tell("c", AttachLine(1)), "OK");
  EXPECT_EQ(Tell("c", AttachLine(1)), "OK");
  EXPECT_EQ(Tell("c", "list"), "OK demo/a/1/alive");
  EXPECT_EQ(Tell("c", AttachLine(2)), "OK");
  EXPECT_EQ(Tell("c", "list"), "OK demo/a/2/alive");
  EXPECT_EQ(Tell("c", "detach 3 1"), "OK");
  EXPECT_TRUE(HasInterface()) << "another epoch must stay";
  EXPECT_EQ(Tell("c", "detach 3 2"), "OK");
  EXPECT_FALSE(HasInterface());
  EXPECT_EQ(Tell("c", "list"), "OK");
}

TEST_F(SupervisorTest, ErrorsNameTheObject) {
  MakeNamespace();
  StartAndWait();
  EXPECT_EQ(Tell("c", "attach 1 1 demo/x /run/netns/vsw-none eth0"),
            "port demo/x: namespace /run/netns/vsw-none does not exist");
  EXPECT_EQ(Tell("c", AttachLine(1)), "OK");
  EXPECT_EQ(
      Tell("c", absl::StrCat("attach 4 1 demo/b /run/netns/", netns_, " eth0")),
      absl::StrCat("port demo/b: interface eth0 exists already in "
                   "namespace /run/netns/",
                   netns_));
  EXPECT_EQ(Tell("d", "fds 7 1"), "port number 7, epoch 1: no TAP is attached");
}

TEST_F(SupervisorTest, EachChildHasItsOwnRequestsOnly) {
  StartAndWait();
  EXPECT_TRUE(absl::StrContains(Tell("d", "list"), "none of the dataplane's"));
  EXPECT_TRUE(
      absl::StrContains(Tell("c", "fds 1 1"), "none of the control plane's"));
}

TEST_F(SupervisorTest, TapSurvivesBothChildren) {
  MakeNamespace();
  StartAndWait();
  EXPECT_EQ(Tell("c", AttachLine(1)), "OK");
  EXPECT_EQ(Tell("d", "fds 3 1"), "OK");
  const int dataplane = Pid("d");
  const int controlplane = Pid("c");
  kill(dataplane, SIGKILL);
  kill(controlplane, SIGKILL);
  ASSERT_TRUE(Eventually([&] {
    const int d = Pid("d");
    const int c = Pid("c");
    return d > 0 && d != dataplane && c > 0 && c != controlplane;
  })) << Log();
  EXPECT_TRUE(HasInterface());
  EXPECT_EQ(Tell("c", "list"), "OK demo/a/1/alive");
  EXPECT_EQ(Tell("d", "fds 3 1"), "OK");
}

TEST_F(SupervisorTest, TellsOfTheDataplanesDeathAndReturn) {
  StartAndWait();
  ASSERT_TRUE(Eventually([&] { return Tell("c", "notices") == "SR"; }));
  kill(Pid("d"), SIGKILL);
  EXPECT_TRUE(Eventually([&] { return Tell("c", "notices") == "SRDSR"; }))
      << Tell("c", "notices");
  const std::vector<std::string> status =
      absl::StrSplit(Tell("c", "status"), ' ');
  ASSERT_EQ(status.size(), 9u) << Tell("c", "status");
  EXPECT_EQ(status[2], "2");  // incarnation
  EXPECT_EQ(status[3], "1");  // restarts
  EXPECT_EQ(status[4], "1");  // has a gap
  EXPECT_EQ(status[8], "SIGKILL");
}

TEST_F(SupervisorTest, RestartsTheDataplaneOnRequest) {
  StartAndWait();
  const int before = Pid("d");
  EXPECT_EQ(Tell("c", "restart"), "OK");
  EXPECT_TRUE(Eventually([&] {
    const int now = Pid("d");
    return now > 0 && now != before;
  }));
}

TEST_F(SupervisorTest, NoticesALostNamespace) {
  MakeNamespace();
  StartAndWait();
  EXPECT_EQ(Tell("c", AttachLine(1)), "OK");
  EXPECT_EQ(Shell(absl::StrCat("ip netns del ", netns_)), 0);
  EXPECT_TRUE(
      Eventually([&] { return absl::StrContains(Tell("c", "notices"), "G"); }));
  EXPECT_EQ(Tell("c", "list"), "OK demo/a/1/gone");
  EXPECT_TRUE(absl::StrContains(Tell("d", "fds 3 1"),
                                "interface eth0 is gone with its namespace"));
}

TEST_F(SupervisorTest, GivesUpWhenAChildRefusesToStart) {
  setenv("VSWITCH_TEST_REFUSE", "1", 1);
  Start();
  EXPECT_EQ(Wait(), 1);
  EXPECT_TRUE(
      absl::StrContains(Log(), "exited with status 1 before it was ready"))
      << Log();
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/run"));
}

TEST_F(SupervisorTest, BacksOffInACrashLoop) {
  setenv("VSWITCH_TEST_CRASH", "1", 1);
  Start();
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(Log(), "again in 0 ms") &&
           absl::StrContains(Log(), "again in 100 ms") &&
           absl::StrContains(Log(), "again in 400 ms");
  })) << Log();
  kill(pid_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(SupervisorTest, RefusesASecondOneInTheSameFolder) {
  StartAndWait();
  const pid_t first = pid_;
  Start();
  EXPECT_EQ(Wait(), 1);
  EXPECT_TRUE(absl::StrContains(
      Log(), absl::StrCat("another vswitchd (pid ", first, ") uses ", dir_)))
      << Log();
  pid_ = first;
  EXPECT_GT(Pid("c"), 0) << "the first one must go on";
}

}  // namespace
}  // namespace vswitch
