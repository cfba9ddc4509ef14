#include "producer/producer.hpp"

#include <algorithm>

#include "producer/stream_entry.hpp"
#include "producer/watch.hpp"
#include "rt/clock.hpp"
#include "rt/fault.hpp"
#include "shm/bell.hpp"
#include "shm/board.hpp"
#include "shm/process_page.hpp"

namespace chappe::producer {
namespace {

rt::ThreadPlan plan_for(const config::Config& config, const std::string& name) {
  const auto found = config.realtime.threads.find(name);
  rt::ThreadPlan plan = found != config.realtime.threads.end() ? found->second : rt::ThreadPlan{};
  if (plan.name.empty()) plan.name = "chappe-" + name;
  return plan;
}

}  // namespace

rt::Result<std::unique_ptr<Producer>> Producer::open(const config::Config& asked, std::vector<std::string>& notes) {
  config::Config config = asked;
  config.ring = config::geometry(asked);
  std::unique_ptr<Producer> producer(new Producer);
  producer->instance_ = config.instance;
  shm::RingSpec spec;
  if (auto opened = producer->open_sources(config, spec); !opened) return opened.error();
  if (auto opened = producer->open_memory(config, spec, notes); !opened) return opened.error();
  return producer;
}

Producer::~Producer() {
  if (!finished_ && feed_) finish(0);
}

rt::Done Producer::open_sources(const config::Config& config, shm::RingSpec& spec) {
  spec.instance = config.instance;
  spec.blocks = config.ring.blocks;
  spec.block_bytes = config.ring.block_bytes;
  spec.waits = config.on_full == config::OnFull::wait;
  auto readers = shm::find_group(config.permissions.readers);
  if (!readers) return readers.error();
  auto consumers = shm::find_group(config.permissions.consumers);
  if (!consumers) return consumers.error();
  spec.readers = *readers;
  spec.consumers = *consumers;
  for (const auto& stream : config.streams) {
    auto source = make_source(stream);
    if (!source) return source.error();
    const StreamShape& shape = (*source)->shape();
    auto layout = layout_of(stream, shape, spec.block_bytes);
    if (!layout) return layout.error();
    spec.streams.push_back(entry_of(stream, **source, *layout, static_cast<std::uint32_t>(spec.channels.size()), config.ring));
    for (const auto& channel : shape.channels) {
      shm::ChannelEntry e{};
      shm::put_name(e.name, channel.name);
      shm::put_name(e.unit, channel.unit);
      spec.channels.push_back(e);
    }
    layouts_.push_back(*layout);
    opened_.push_back(std::move(*source));
  }
  if (spec.channels.size() > shm::kMaxChannels) {
    return rt::Error{EX_CONFIG, "the streams have " + std::to_string(spec.channels.size()) + " channels, more than " +
                                    std::to_string(shm::kMaxChannels)};
  }
  return rt::done();
}

rt::Done Producer::open_memory(const config::Config& config, const shm::RingSpec& spec, std::vector<std::string>& notes) {
  auto ring = shm::RingWriter::open(spec);
  if (!ring) return ring.error();
  ring_ = std::make_unique<shm::RingWriter>(std::move(*ring));
  auto ledger = shm::LedgerWriter::open(config.instance, *ring_, spec.readers);
  if (!ledger) return ledger.error();
  ledger_ = std::make_unique<shm::LedgerWriter>(std::move(*ledger));
  if (!ledger_->restore(config.instance, *ring_))
    return rt::Error{EX_OSERR, "instance " + config.instance +
                                   ": the board cannot be opened now, so the account of the last run would be "
                                   "forgotten: too many open files, or no memory"};
  for (std::size_t i = 0; i < opened_.size(); ++i) {
    if (auto claimed = claim_entry(i, config.streams[i]); !claimed) {
      if (is_unused()) ring_->unlink();
      return claimed;
    }
  }
  ledger_->repair(*ring_);
  for (std::size_t i = 0; i < opened_.size(); ++i) resume_source(i);
  open_loops(config);
  notes.push_back(how_opened(config));
  return rt::done();
}

/// What the threads work with, and the ring is in business.
void Producer::open_loops(const config::Config& config) {
  std::vector<PoolPlan> pools;
  for (std::size_t i = 0; i < opened_.size(); ++i)
    pools.push_back({.blocks = ring_->tables().streams[i].pool_blocks, .in_bursts = !opened_[i]->is_paced()});
  const bool waits = config.on_full == config::OnFull::wait;
  gate_ = std::make_unique<shm::GateKeeper>(*ring_, shm::kAggregatorGate);
  gate_->set_stall_timeout(config.ring.stall_timeout_ns);
  gate_->take_over();
  ring_->open_for_business();
  intake_ = std::make_unique<Intake>(pools, config.ring.block_bytes);
  feed_ = std::make_unique<Feed>(*ring_, *gate_, *ledger_, *intake_, layouts_, waits);
  for (std::size_t i = 0; i < opened_.size(); ++i) {
    const Pump::Setup setup{.stream = static_cast<std::uint32_t>(i),
                            .layout = layouts_[i],
                            .block_bytes = config.ring.block_bytes,
                            .max_delay_ns = config.ring.max_delay_ns,
                            .waits = waits};
    pumps_.push_back(std::make_unique<Pump>(setup, std::move(opened_[i]), *intake_, ledger_->entry(i)));
  }
}

std::string Producer::how_opened(const config::Config& config) const {
  const char* how = ring_->made() == shm::RingWriter::Made::created   ? "created"
                    : ring_->made() == shm::RingWriter::Made::adopted ? "adopted"
                                                                      : "superseded";
  return std::string(how) + " the ring of instance " + config.instance + ": " + std::to_string(config.ring.blocks) + " blocks of " +
         std::to_string(config.ring.block_bytes) + " bytes, " + std::to_string(layouts_.size()) + " streams, epoch " +
         std::to_string(ring_->status().epoch.load(std::memory_order_relaxed));
}

/// A recording goes on where it was, also after a kill; another one is never taken for its rest.
rt::Done Producer::claim_entry(std::size_t stream, const config::Stream& config) {
  shm::LedgerEntry& e = ledger_->entry(stream);
  const std::uint64_t mine = opened_[stream]->identity();
  const bool begins = ledger_->is_new(stream) || e.acquired.get() == 0;
  if (!begins && mine != 0 && e.source.load(std::memory_order_relaxed) != mine) {
    return rt::Error{EX_DATAERR, "stream " + config.name + ": instance " + instance_ + " holds " + std::to_string(e.acquired.get()) +
                                     " frames that are not of " + config.replay.file +
                                     " as it is now, so it cannot go on from there; end that run in order (start chappe-aggregator, then "
                                     "chappectl stop), or choose another --instance"};
  }
  e.source.store(mine, std::memory_order_relaxed);
  if (begins) e.source_began.store(e.acquired.get(), std::memory_order_relaxed);
  CHAPPE_FAULT(entry_claimed);
  return rt::done();
}

/// A source goes on where it was. A recording that had come to its end, and whose producer ended in order, begins anew.
void Producer::resume_source(std::size_t stream) noexcept {
  shm::LedgerEntry& e = ledger_->entry(stream);
  const std::uint64_t frame = e.acquired.get();
  if (opened_[stream]->resume_at(frame, e.source_began.load(std::memory_order_relaxed))) return;
  const auto state = static_cast<shm::RingState>(ring_->status().state.load(std::memory_order_relaxed));
  if (state != shm::RingState::ended) return;
  e.source_began.store(frame, std::memory_order_relaxed);
  opened_[stream]->resume_at(frame, frame);
}

rt::Done Producer::start(const config::Config& config) {
  auto feed = rt::Thread::start(plan_for(config, "feed"), [this] { feed_->run(); });
  if (!feed) return feed.error();
  feed_thread_ = std::move(*feed);
  auto watch = rt::Thread::start({.name = "chappe-watch", .cpus = {}}, [this] { watch_gate(*gate_, watch_stop_); });
  if (!watch) return watch.error();
  watch_thread_ = std::move(*watch);
  for (auto& pump : pumps_) {
    auto source = rt::Thread::start(plan_for(config, "source"), [this, &pump] {
      while (!begun_.is_up()) rt::sleep_until(rt::monotonic_ns() + rt::kMillisecond);
      pump->run();
    });
    if (!source) return source.error();
    source_threads_.push_back(std::move(*source));
  }
  return rt::done();
}

bool Producer::sources_ended() const {
  return std::all_of(pumps_.begin(), pumps_.end(), [](const auto& pump) { return pump->has_ended(); });
}

/// The pools stay as they were made. One that is small for its new rate loses frames where a stall is long, and counts them.
std::vector<std::string> Producer::reconfigure(const config::Config& config, std::uint32_t generation) {
  gate_->set_stall_timeout(config.ring.stall_timeout_ns);
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < pumps_.size() && i < config.streams.size(); ++i) {
    const config::Stream& stream = config.streams[i];
    pumps_[i]->reconfigure(stream, generation);
    const std::uint32_t pool = ring_->tables().streams[i].pool_blocks;
    if (!pumps_[i]->source().is_paced() || pool_blocks(stream.rate_hz, layouts_[i].capacity, config.ring.max_delay_ns) <= pool) continue;
    notes.push_back("stream " + stream.name + ": its pool of " + std::to_string(pool) +
                    " blocks was made for a lower rate; at the new one it holds less than a tenth of a second (dropped.pool); a restart of "
                    "the producer sizes it anew");
  }
  return notes;
}

bool Producer::has_applied(std::uint32_t generation) const {
  return std::all_of(pumps_.begin(), pumps_.end(), [&](const auto& pump) { return pump->has_applied(generation); });
}

std::string Producer::tick() {
  ring_->note_clocks();
  if (ring_->has_predecessor()) {
    const auto board = shm::copy_board(instance_);
    if (board && board->image.head().incarnation == ring_->tables().incarnation) ring_->forget_predecessor();
  }
  const char* const lost = !ring_->still_named() ? "ring" : !ledger_->still_named() ? "ledger" : nullptr;
  if (lost != nullptr)
    return std::string("the ") + lost + " of instance " + instance_ +
           " lost its name in /dev/shm, or its pages: somebody removed or truncated it; restart this producer to make it anew";
  return {};
}

/// STEP end 1.
void Producer::finish(std::int64_t deadline_ns) {
  for (auto& pump : pumps_) pump->stop();
  begun_.raise();
  for (auto& thread : source_threads_) thread.join();
  feed_->finish(deadline_ns);
  feed_thread_.join();
  watch_stop_.raise();
  watch_thread_.join();
  if (!finished_) {
    CHAPPE_FAULT(end_1_published);
    ring_->status().state.store(static_cast<std::uint64_t>(shm::RingState::ended), std::memory_order_release);
    CHAPPE_FAULT(end_1_ended);
    shm::ring_bell_anew(ring_->gate(shm::kAggregatorGate).filled, ring_->status().failed_posts);
    CHAPPE_FAULT(end_1_rung);
  }
  finished_ = true;
}

std::uint64_t Producer::undelivered_blocks() const {
  const auto board = shm::copy_board(instance_);
  const bool of_this_ring = board && board->image.head().incarnation == ring_->tables().incarnation;
  const std::uint64_t upto = of_this_ring ? board->image.head().upto : 0;
  return ring_->head() - std::min(upto, ring_->head());
}

std::uint64_t Producer::dropped_full() const noexcept {
  std::uint64_t frames = 0;
  for (std::size_t i = 0; i < layouts_.size(); ++i) frames += ledger_->entry(i).dropped_full.get();
  return frames;
}

bool Producer::is_acknowledged() const { return ledger_->is_acknowledged(instance_, *ring_); }

/// STEP end 3. The gates go last: their lease keeps the next start from the rest until then.
void Producer::unlink() {
  ledger_->unlink();
  CHAPPE_FAULT(end_3_ledger);
  ring_->unlink();
}

void Producer::report_realtime(shm::ProcessReport& report) const {
  report.threads.clear();
  report.threads.push_back(shm::report_of(feed_thread_, report.realtime_refused));
  for (const auto& thread : source_threads_) report.threads.push_back(shm::report_of(thread, report.realtime_refused));
  report.locked_bytes = rt::locked_bytes();
}

void Producer::publish_report(const shm::ProcessReport& report) noexcept { shm::write_process_page(ring_->process_page(), report); }

std::vector<std::string> Producer::complaints() const {
  std::vector<std::string> all;
  for (const auto& pump : pumps_) {
    if (auto text = pump->source().complaints(); !text.empty()) all.push_back(std::move(text));
  }
  return all;
}

std::vector<std::string> Producer::new_complaints() {
  std::vector<std::string> fresh;
  complained_.resize(pumps_.size());
  for (std::size_t i = 0; i < pumps_.size(); ++i) {
    auto text = pumps_[i]->source().complaints();
    if (complained_[i] || text.empty()) continue;
    complained_[i] = true;
    fresh.push_back(std::move(text));
  }
  return fresh;
}

}  // namespace chappe::producer
