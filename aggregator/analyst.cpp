#include "aggregator/analyst.hpp"

#include <algorithm>
#include <span>

#include "rt/clock.hpp"
#include "rt/log.hpp"

namespace chappe::aggregator {
namespace {

constexpr std::int64_t kPublishEvery = 10 * rt::kMillisecond;

template <class T>
bool same_bytes(std::span<const T> a, std::span<const T> b) {
  return std::ranges::equal(std::as_bytes(a), std::as_bytes(b));
}

bool same(const AnalysedStream& a, const AnalysedStream& b) {
  return same_bytes(std::span(&a.entry, 1), std::span(&b.entry, 1)) && a.windows == b.windows && a.calibration == b.calibration &&
         a.analysis == b.analysis;
}

}  // namespace

bool AnalysisPlan::is_on() const {
  return std::any_of(streams.begin(), streams.end(), [](const AnalysedStream& s) { return s.analysis.is_on(); });
}

std::size_t AnalysisPlan::block_bytes() const {
  std::size_t most = 0;
  for (const AnalysedStream& s : streams) most = std::max(most, std::size_t{s.entry.capacity} * s.entry.stride);
  return most;
}

Analyst::Analyst(std::string instance, std::optional<gid_t> readers, Blocks& blocks, Analysed analysed)
    : instance_(std::move(instance)), readers_(readers), blocks_(&blocks), analysed_(std::move(analysed)) {}

rt::Result<std::unique_ptr<Analyst>> Analyst::start(const std::string& instance, std::optional<gid_t> readers, Blocks& blocks,
                                                    AnalysisPlan plan, Analysed analysed) {
  std::unique_ptr<Analyst> analyst(new Analyst(instance, readers, blocks, std::move(analysed)));
  if (auto adopted = analyst->adopt(std::move(plan)); !adopted) return adopted.error();
  rt::ThreadPlan thread_plan;
  thread_plan.name = "chappe-analysis";
  auto thread = rt::Thread::start(thread_plan, [a = analyst.get()] { a->run(); });
  if (!thread) return rt::Error{thread.error().exit_code, "analysis: " + thread.error().text};
  analyst->thread_ = std::move(*thread);
  return analyst;
}

Analyst::~Analyst() { finish(); }

void Analyst::finish() {
  stop_.raise();
  blocks_->wake();
  thread_.join();
}

void Analyst::follow(AnalysisPlan plan) {
  const std::lock_guard lock(mutex_);
  coming_.push_back(std::move(plan));
}

/// Streams of which nothing changes go on with what they have open, and so does the object where its tables stay the same.
rt::Done Analyst::adopt(AnalysisPlan plan) {
  generation_ = plan.generation;
  shm::AnalysisSpec spec{.instance = instance_, .streams = {}, .channels = {}, .readers = readers_};
  std::vector<One> next;
  for (AnalysedStream& stream : plan.streams) {
    One& one = next.emplace_back(One{.stream = std::move(stream), .analysis = {}, .index = spec.streams.size()});
    const auto before = std::find_if(streams_.begin(), streams_.end(), [&](const One& old) { return same(old.stream, one.stream); });
    if (!one.stream.analysis.is_on()) continue;
    if (before != streams_.end()) one.analysis = std::move(before->analysis);
    if (!one.analysis) one.analysis.emplace(one.stream);
    spec.streams.push_back(entry_of(one.stream));
    spec.streams.back().first_channel = static_cast<std::uint32_t>(spec.channels.size());
    const auto names = plan.channels.begin() + one.stream.entry.first_channel;
    spec.channels.insert(spec.channels.end(), names, names + one.stream.entry.channels);
  }
  streams_ = std::move(next);
  const auto& now = object_ ? object_->tables() : shm::AnalysisTables{};
  const bool stays = object_ && same_bytes(std::span(now.streams), std::span<const shm::AnalysisEntry>(spec.streams)) &&
                     same_bytes(std::span(now.channels), std::span<const shm::ChannelEntry>(spec.channels));
  if (stays) return rt::done();
  auto opened = shm::AnalysisWriter::open(spec);
  if (!opened) return opened.error();
  if (!object_) {  // a predecessor's counts go on
    windows_ = opened->control().windows.get();
    skipped_ = opened->control().windows_skipped.get();
    blocks_before_ = opened->control().blocks_lost.get();
  }
  object_.emplace(std::move(*opened));
  changed_ = true;
  return rt::done();
}

void Analyst::adopt_up_to(std::uint32_t generation) {
  std::optional<AnalysisPlan> plan;
  {
    const std::lock_guard lock(mutex_);
    while (!coming_.empty() && coming_.front().generation <= generation) {
      plan = std::move(coming_.front());
      coming_.pop_front();
    }
  }
  if (!plan) return;
  auto adopted = adopt(std::move(*plan));
  if (adopted) return;
  rt::log(rt::LogLevel::error, "analysis stands still until the next reload: " + adopted.error().text);
  streams_.clear();
}

void Analyst::run() {
  for (;;) {
    const bool last_round = stop_.is_up();
    const bool worked = work();
    if (changed_) publish();
    if (worked) continue;
    if (last_round) return;
    blocks_->wait_full(rt::monotonic_ns() + rt::kSecond);
  }
}

bool Analyst::work() {
  bool worked = false;
  while (BlockCopy* block = blocks_->try_full()) {
    worked = true;
    if (block->generation != generation_) adopt_up_to(block->generation);
    if (block->stream < streams_.size() && streams_[block->stream].analysis) {
      One& one = streams_[block->stream];
      const std::uint64_t before = one.analysis->skipped();
      const std::size_t written = one.analysis->take(*block, object_->image(), one.index, analysed_);
      const std::uint64_t skipped = one.analysis->skipped() - before;
      windows_ += written;
      skipped_ += skipped;
      changed_ = changed_ || written > 0 || skipped > 0;
    }
    blocks_->give_back(block);
    if (changed_ && rt::monotonic_ns() - published_ns_ >= kPublishEvery) publish();
  }
  return worked;
}

void Analyst::publish() {
  shm::AnalysisControl& control = object_->control();
  control.windows.set(windows_);
  control.windows_skipped.set(skipped_ + blocks_->windows_lost());
  control.blocks_lost.set(blocks_before_ + blocks_->blocks_lost());
  object_->publish();
  published_ns_ = rt::monotonic_ns();
  changed_ = false;
}

}  // namespace chappe::aggregator
