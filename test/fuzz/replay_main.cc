// The main program of NAME_corpus_test (//bazel:fuzz.bzl): runs each corpus
// file, and a fixed number of mutations of it, through a fuzz target's entry
// point.  The mutations depend on the file's bytes alone, so a failure comes
// back in every run.
//
//   NAME_corpus_test [--mutations=N] [--expect-crash] FILE...
//
// With --expect-crash the run succeeds only if the entry point dies: the proof
// that the target finds a bug planted behind a build flag.  A crash names file
// and mutation and leaves the input in TEST_UNDECLARED_OUTPUTS_DIR or /tmp.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;

constexpr int kUsageError = 2;
constexpr int kDefaultMutations = 500;
constexpr size_t kLongestInput = 4096;

struct Options {
  int mutations = kDefaultMutations;
  bool expect_crash = false;
  std::vector<std::string> files;
};

// What runs now, for the signal handler.
char g_what[512];
char g_crash_path[512];
const Input* g_input = nullptr;

extern "C" void ReportCrash(int signal) {
  // Only calls that are safe in a signal handler.
  auto print = [](const char* text) {
    [[maybe_unused]] ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
  };
  print("\nreplay: died on ");
  print(g_what);
  int file = open(g_crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0 && g_input != nullptr) {
    [[maybe_unused]] ssize_t ignored =
        write(file, g_input->data(), g_input->size());
    print("\nreplay: input is in ");
    print(g_crash_path);
  }
  print("\n");
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void RunOne(const Input& input, const std::string& file, int mutation) {
  std::snprintf(g_what, sizeof(g_what), "%s, mutation %d", file.c_str(),
                mutation);
  g_input = &input;
  // Memory of exactly that size, so that a sanitizer sees a read beyond it.
  uint8_t* copy = static_cast<uint8_t*>(std::malloc(input.size() + 1));
  std::copy(input.begin(), input.end(), copy);
  LLVMFuzzerTestOneInput(copy, input.size());
  std::free(copy);
}

size_t Below(std::mt19937_64& random, size_t limit) {
  return limit == 0 ? 0 : random() % limit;
}

// Changes `input` in one of the ways that libFuzzer does, too.
void Mutate(Input& input, const Input& other, std::mt19937_64& random) {
  static constexpr uint8_t kEdges[] = {0,    1,    2,    4,    8,    0x10,
                                       0x20, 0x40, 0x7f, 0x80, 0xfe, 0xff};
  size_t at = Below(random, input.size());
  size_t count = Below(random, std::min<size_t>(16, input.size() - at)) + 1;
  switch (input.empty() ? 5 : random() % 8) {
    case 0:
      input[at] ^= static_cast<uint8_t>(1 << random() % 8);
      break;
    case 1:
      input[at] = static_cast<uint8_t>(random());
      break;
    case 2:
      input[at] = kEdges[random() % std::size(kEdges)];
      break;
    case 3:
      input.resize(at);
      break;
    case 4:
      input.erase(input.begin() + at,
                  input.begin() + std::min(at + count, input.size()));
      break;
    case 5:
      input.insert(input.begin() + at, count, static_cast<uint8_t>(random()));
      break;
    case 6:  // copies a range to another place
      for (size_t i = 0; i < count; ++i) {
        input[Below(random, input.size() - i)] = input[at];
      }
      break;
    default:  // goes on as the other input does
      input.resize(at);
      if (at < other.size()) {
        input.insert(input.end(), other.begin() + at, other.end());
      }
      break;
  }
  if (input.size() > kLongestInput) input.resize(kLongestInput);
}

bool ReadInputs(const Options& options, std::vector<Input>& inputs) {
  for (const std::string& path : options.files) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "replay: %s: cannot be read\n", path.c_str());
      return false;
    }
    inputs.emplace_back(std::istreambuf_iterator<char>(file),
                        std::istreambuf_iterator<char>());
  }
  return true;
}

void RunAll(const Options& options, const std::vector<Input>& inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    RunOne(inputs[i], options.files[i], 0);
    std::seed_seq seed(inputs[i].begin(), inputs[i].end());
    std::mt19937_64 random(seed);
    for (int j = 1; j <= options.mutations; ++j) {
      Input input = inputs[i];
      const Input& other = inputs[Below(random, inputs.size())];
      for (int changes = 1 + random() % 4; changes > 0; --changes) {
        Mutate(input, other, random);
      }
      RunOne(input, options.files[i], j);
    }
  }
  std::printf("replay: %zu files, %zu runs\n", inputs.size(),
              inputs.size() * (1 + static_cast<size_t>(options.mutations)));
}

// Runs everything in a child process; returns whether it died.
bool ChildDies(const Options& options, const std::vector<Input>& inputs) {
  pid_t child = fork();
  if (child == 0) {
    RunAll(options, inputs);
    std::_Exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

bool ReadOptions(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    constexpr std::string_view kMutations = "--mutations=";
    if (argument == "--expect-crash") {
      options.expect_crash = true;
    } else if (argument.starts_with(kMutations)) {
      options.mutations = std::atoi(argv[i] + kMutations.size());
    } else if (!argument.starts_with("-")) {
      options.files.emplace_back(argument);
    } else {
      return false;
    }
  }
  return !options.files.empty() && options.mutations >= 0;
}

void InstallCrashReport() {
  const char* directory = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  std::snprintf(g_crash_path, sizeof(g_crash_path), "%s/replay-crash-%d",
                directory == nullptr ? "/tmp" : directory, getpid());
  for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE}) {
    std::signal(signal, ReportCrash);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::vector<Input> inputs;
  if (!ReadOptions(argc, argv, options)) {
    std::fprintf(stderr, "usage: %s [--mutations=N] [--expect-crash] FILE...\n",
                 argv[0]);
    return kUsageError;
  }
  if (!ReadInputs(options, inputs)) return kUsageError;
  InstallCrashReport();
  if (!options.expect_crash) {
    RunAll(options, inputs);
    return 0;
  }
  if (ChildDies(options, inputs)) {
    std::printf("replay: found the planted bug\n");
    return 0;
  }
  std::fprintf(stderr, "replay: the planted bug was not found\n");
  return 1;
}
