#include "holdings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "rt/clock.hpp"

namespace chappe::whole {
namespace {

constexpr const char* kNames[] = {"producer", "aggregator", "display"};

/// Without one pidfd: the producer's watcher opens one anew each time it waits.
std::size_t count_descriptors(const std::filesystem::path& folder) {
  std::size_t pidfds = 0, others = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    ++(std::filesystem::read_symlink(entry.path(), ignored) == "anon_inode:[pidfd]" ? pidfds : others);
  return others + pidfds - std::min<std::size_t>(pidfds, 1);
}

/// Of three counts the least: a descriptor that is open for an instant is not held.
std::size_t descriptors_of(const Child& child) {
  const std::filesystem::path folder = "/proc/" + std::to_string(child.pid()) + "/fd";
  return std::min({count_descriptors(folder), count_descriptors(folder), count_descriptors(folder)});
}

}  // namespace

void Holdings::Life::take(const Child& child) {
  last_ns = rt::monotonic_ns();
  last_kib = child.own_kib();
  const std::size_t descriptors = descriptors_of(child);
  if (samples++ == 0) {
    first_ns = last_ns;
    first_kib = last_kib;
    first_descriptors = least_descriptors = most_descriptors = descriptors;
  }
  least_descriptors = std::min(least_descriptors, descriptors);
  most_descriptors = std::max(most_descriptors, descriptors);
}

void Holdings::sample(const Campaign& campaign) {
  for (std::size_t role = 0; role < lives_.size(); ++role) {
    const Child& child = campaign.processes()[role];
    auto& lives = lives_[role];
    if (lives.empty() || lives.back().pid != child.pid()) lives.push_back({.pid = child.pid(), .since_ns = rt::monotonic_ns()});
    if (rt::monotonic_ns() - lives.back().since_ns > 20 * rt::kSecond) lives.back().take(child);
  }
  const std::size_t names = campaign.instance().objects().size() + campaign.instance().queues().size();
  if (first_names_ == 0) first_names_ = least_names_ = most_names_ = names;
  least_names_ = std::min(least_names_, names);
  most_names_ = std::max(most_names_, names);
}

std::vector<Holdings::Life> Holdings::judged(std::size_t role) const {
  std::vector<Life> lives;
  std::copy_if(lives_[role].begin(), lives_[role].end(), std::back_inserter(lives), [](const Life& life) { return life.samples >= 2; });
  std::sort(lives.begin(), lives.end(), [](const Life& a, const Life& b) { return a.growth_kib() < b.growth_kib(); });
  return lives;
}

std::string Holdings::grows() const {
  std::string text;
  for (std::size_t role = 0; role < lives_.size(); ++role) {
    const auto lives = judged(role);
    if (lives.empty()) continue;
    const Life& middle = lives[lives.size() / 2];
    // The display has one life, of hours: what it keeps of history may take its time to fill.
    const int noise = role == Campaign::kDisplay ? middle.first_kib / 10 + 512 : 64;
    if (middle.growth_kib() > noise)
      text += fmt::format("{} grows from {} to {} KiB in the median life; ", kNames[role], middle.first_kib, middle.last_kib);
    for (const Life& life : lives) {
      if (life.least_descriptors != life.most_descriptors)
        text += fmt::format("{} {}: {} to {} descriptors; ", kNames[role], life.pid, life.least_descriptors, life.most_descriptors);
    }
  }
  if (least_names_ != most_names_) text += fmt::format("{} objects and queues became {} to {}; ", first_names_, least_names_, most_names_);
  return text;
}

void Holdings::print() const {
  if (first_names_ == 0) return;
  for (std::size_t role = 0; role < lives_.size(); ++role) {
    const auto lives = judged(role);
    fmt::print("  {:<12} {} lives, {} of them long enough to judge", kNames[role], lives_[role].size(), lives.size());
    if (!lives.empty()) {
      const Life& middle = lives[lives.size() / 2];
      std::size_t least = lives[0].least_descriptors, most = lives[0].most_descriptors, samples = 0;
      double seconds = 0;
      for (const Life& life : lives) {
        least = std::min(least, life.least_descriptors);
        most = std::max(most, life.most_descriptors);
        samples += life.samples;
        seconds += static_cast<double>(life.last_ns - life.first_ns) / 1e9;
      }
      fmt::print(
          ", watched for {:.0f} s on average, {} samples; RssAnon grows by {} to {} KiB, in the median life from {} to {}; descriptors {} "
          "to {}",
          seconds / static_cast<double>(lives.size()), samples, lives.front().growth_kib(), lives.back().growth_kib(), middle.first_kib,
          middle.last_kib, least, most);
    }
    fmt::print("\n");
  }
  fmt::print("  objects and queues: {} at first, then {} to {}\n", first_names_, least_names_, most_names_);
}

}  // namespace chappe::whole
