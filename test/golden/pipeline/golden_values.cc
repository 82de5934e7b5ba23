// Values that cases learn from the packets that leave.

#include "test/golden/pipeline/golden_values.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "test/golden/golden_file.h"

namespace vswitch {
namespace {

using Strings = std::vector<std::string>;

// Returns what `layer` says in `field`, nothing if that is the default.
std::optional<std::string> FieldOf(absl::string_view layer,
                                   absl::string_view field) {
  const std::string prefix = absl::StrCat(field, "=");
  for (absl::string_view word : absl::StrSplit(layer, ' ', absl::SkipEmpty())) {
    if (absl::StartsWith(word, prefix)) {
      return std::string(word.substr(prefix.size()));
    }
  }
  return std::nullopt;
}

std::vector<int64_t> Numbers(const Strings& values) {
  std::vector<int64_t> numbers;
  for (const std::string& value : values) {
    int64_t number = -1;
    if (!absl::SimpleAtoi(value, &number)) {
      uint64_t hex = 0;
      if (absl::SimpleHexAtoi(value, &hex)) {
        number = static_cast<int64_t>(hex);
      }
    }
    numbers.push_back(number);
  }
  return numbers;
}

bool AreIn(const Strings& values, absl::string_view range) {
  const std::vector<std::string> ends = absl::StrSplit(range, "..");
  const std::vector<int64_t> limits = Numbers(ends);
  if (limits.size() != 2) return false;
  const std::vector<int64_t> numbers = Numbers(values);
  return std::all_of(numbers.begin(), numbers.end(), [&](int64_t number) {
    return number >= limits[0] && number <= limits[1];
  });
}

bool AreBalanced(const Strings& values) {
  const std::vector<int64_t> numbers = Numbers(values);
  const auto even = std::count_if(numbers.begin(), numbers.end(),
                                  [](int64_t n) { return n % 2 == 0; });
  const auto count = static_cast<int64_t>(numbers.size());
  return count >= 100 && even * 100 >= count * 40 && even * 100 <= count * 60;
}

bool AreScattered(const Strings& values) {
  const std::vector<int64_t> numbers = Numbers(values);
  std::map<int64_t, size_t> distances;
  for (size_t i = 1; i < numbers.size(); ++i) {
    ++distances[numbers[i] - numbers[i - 1]];
  }
  return numbers.size() >= 100 &&
         std::all_of(distances.begin(), distances.end(), [&](const auto& each) {
           return each.second * 100 <= numbers.size() * 5;
         });
}

bool Cover(const Strings& values, absl::string_view list) {
  const Strings wanted = absl::StrSplit(list, ',');
  return std::set<std::string>(values.begin(), values.end()) ==
         std::set<std::string>(wanted.begin(), wanted.end());
}

}  // namespace

std::string GoldenValues::Fill(absl::string_view text) const {
  std::vector<std::pair<std::string, std::string>> replacements;
  for (const auto& [name, value] : known_) {
    replacements.emplace_back(absl::StrCat("<", name, ">"), value);
  }
  return absl::StrReplaceAll(text, replacements);
}

void GoldenValues::Learn(absl::string_view wanted, absl::string_view actual) {
  const Strings wanted_layers = absl::StrSplit(wanted, " / ");
  const Strings layers = absl::StrSplit(actual, " / ");
  for (size_t i = 0; i < wanted_layers.size() && i < layers.size(); ++i) {
    for (absl::string_view word :
         absl::StrSplit(wanted_layers[i], ' ', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> pair =
          absl::StrSplit(word, absl::MaxSplits('=', 1));
      const std::string& mark = pair.second;
      if (mark.size() < 3 || mark.front() != '<' || mark.back() != '>') {
        continue;
      }
      const std::string name = mark.substr(1, mark.size() - 2);
      const auto value = FieldOf(layers[i], pair.first);
      if (!value.has_value() || known_.contains(name)) continue;
      known_[name] = *value;
      learnt_[name].push_back(*value);
    }
  }
}

absl::Status GoldenValues::Check(absl::string_view check) {
  const Strings words = absl::StrSplit(check, ' ', absl::SkipEmpty());
  if (words.size() < 2 || !learnt_.contains(words[0])) {
    return absl::InvalidArgumentError(absl::StrCat(check, ": nothing learnt"));
  }
  const Strings& values = learnt_[words[0]];
  const std::set<std::string> different(values.begin(), values.end());
  const std::string& what = words[1];
  const std::string wanted = words.size() > 2 ? words[2] : "";
  bool holds = false;
  if (what == "in") {
    holds = AreIn(values, wanted);
  } else if (what == "distinct") {
    holds = different.size() == values.size();
  } else if (what == "shared") {
    holds = different.size() < values.size();
  } else if (what == "same") {
    holds = different.size() == 1;
    known_[words[0]] = values[0];
  } else if (what == "covers") {
    holds = Cover(values, wanted);
  } else if (what == "!=") {
    holds = learnt_.contains(wanted) && values.back() != learnt_[wanted].back();
  } else if (what == "balanced") {
    holds = AreBalanced(values);
  } else if (what == "scattered") {
    holds = AreScattered(values);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("no such check: ", check));
  }
  if (holds) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(check, ": ", absl::StrJoin(values, " ")));
}

std::string FillWithExamples(absl::string_view text) {
  std::string result;
  while (true) {
    const size_t open = text.find_first_of("<{");
    if (open == text.npos) return absl::StrCat(result, text);
    const size_t close = text.find(text[open] == '<' ? '>' : '}', open);
    if (close == text.npos) return absl::StrCat(result, text);
    absl::StrAppend(&result, text.substr(0, open), "7");
    text.remove_prefix(close + 1);
  }
}

}  // namespace vswitch
