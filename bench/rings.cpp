// The two rings: a bare one, which is the limit, and Chappe's. Both of the same geometry; what differs is the protocol. Messages smaller
// than a block are packed into one, as a source fills blocks; a flush publishes it as it is.
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <optional>
#include <utility>

#include "bench/kinds.hpp"
#include "bench/loops.hpp"
#include "rt/descriptor.hpp"
#include "shm/account.hpp"
#include "shm/bell.hpp"
#include "shm/gate.hpp"
#include "shm/ledger.hpp"
#include "shm/ring.hpp"

namespace chappe::bench {
namespace {

constexpr std::uint64_t kPackedBytes = 4096, kPageBytes = 4096;
constexpr std::int64_t kHeartbeat = 100 * rt::kMillisecond;

struct Geometry {
  explicit Geometry(const Work& work) : block_bytes(std::max(work.bytes, kPackedBytes)), blocks(work.ring_bytes / block_bytes) {}
  std::uint64_t block_bytes, blocks;
};

/// Makes messages of blocks. A Ring offers next, commit, ring for blocks on the one side, look, done, sleep on the other.
template <class Ring>
class RingTransport final : public Looped<RingTransport<Ring>> {
 public:
  explicit RingTransport(const Work& work) : ring_(work), bytes_(work.bytes), block_bytes_(Geometry(work).block_bytes) {}
  rt::Done connect() override { return ring_.connect(); }
  rt::Done attach() override { return ring_.attach(); }
  rt::Done begin() override { return ring_.begin(); }
  void close(Role role) override { ring_.close(role); }
  void clean() override { ring_.clean(); }

  std::byte* room() noexcept {
    if (used_ == 0) block_ = ring_.next();
    return block_ + used_;
  }
  bool send() noexcept {
    used_ += bytes_;
    if (used_ == block_bytes_) ring_.commit(std::exchange(used_, 0));
    return true;
  }
  bool flush() noexcept {
    if (used_ > 0) ring_.commit(std::exchange(used_, 0));
    ring_.ring();
    return true;
  }
  std::span<const std::byte> receive(Wait wait) noexcept {
    std::span<const std::byte> seen;
    const auto look = [&] { return ring_.look(seen); };
    await(wait, look, [&] { ring_.sleep(); });
    return seen;
  }
  bool done() noexcept { return ring_.done(); }

 private:
  Ring ring_;
  std::byte* block_ = nullptr;
  std::uint64_t bytes_, block_bytes_, used_ = 0;
};

/// Cursors of their own lines, each side keeps the other's last one. Where the consumer may sleep it has the bell of Chappe's ring. Each
/// side maps the memory itself, as it does Chappe's.
class BareRing {
 public:
  explicit BareRing(const Work& work)
      : geometry_(work),
        memory_(memfd_create("chappe-bench", MFD_CLOEXEC)),
        packed_(work.bytes < geometry_.block_bytes),
        rings_(work.wait != Wait::spin) {}
  rt::Done connect() {
    auto mapped = map();
    if (mapped) sem_init(&(new (shared_) Shared)->filled, 1, 0);
    return mapped;
  }
  rt::Done attach() { return map(); }
  static rt::Done begin() { return rt::done(); }
  static void close(Role) {}
  static void clean() {}

  std::byte* next() noexcept {
    while (n_ - other_ == geometry_.blocks && n_ - (other_ = shared_->tail.load(std::memory_order_acquire)) == geometry_.blocks) rest();
    return payloads_ + slot() * geometry_.block_bytes;
  }
  void commit(std::uint64_t used) noexcept {
    if (packed_) used_[slot()] = used;
    shared_->head.store(++n_, std::memory_order_release);
    if (rings_) shm::ring_bell(shared_->filled, failed_);
  }
  static void ring() noexcept {}
  bool look(std::span<const std::byte>& seen) noexcept {
    if (other_ == n_) other_ = shared_->head.load(std::memory_order_acquire);
    if (other_ == n_) return false;
    seen = {payloads_ + slot() * geometry_.block_bytes, packed_ ? used_[slot()] : geometry_.block_bytes};
    return true;
  }
  bool done() noexcept {
    shared_->tail.store(++n_, std::memory_order_release);
    return true;
  }
  void sleep() noexcept { shm::sleep_on_bell(shared_->filled, rt::monotonic_ns() + kHeartbeat); }

 private:
  struct Shared {
    alignas(64) std::atomic<std::uint64_t> head{0};
    alignas(64) std::atomic<std::uint64_t> tail{0};
    alignas(64) sem_t filled{};
  };
  static_assert(sizeof(Shared) <= kPageBytes);
  [[nodiscard]] std::uint64_t slot() const noexcept { return n_ & (geometry_.blocks - 1); }

  /// A page of cursors, the payloads, how much of each is used.
  rt::Done map() {
    const std::uint64_t payload_bytes = geometry_.blocks * geometry_.block_bytes;
    const std::uint64_t bytes = kPageBytes + payload_bytes + geometry_.blocks * sizeof(std::uint64_t);
    if (ftruncate(memory_.get(), static_cast<off_t>(bytes)) != 0) return rt::errno_error("memory of a bare ring");
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory_.get(), 0);
    if (data == MAP_FAILED) return rt::errno_error("memory of a bare ring");
    shared_ = static_cast<Shared*>(data);
    payloads_ = static_cast<std::byte*>(data) + kPageBytes;
    used_ = reinterpret_cast<std::uint64_t*>(payloads_ + payload_bytes);
    return rt::done();
  }

  Geometry geometry_;
  rt::Descriptor memory_;
  Shared* shared_ = nullptr;
  std::byte* payloads_ = nullptr;
  std::uint64_t* used_ = nullptr;
  bool packed_, rings_;
  std::uint64_t n_ = 0, other_ = 0;  ///< this side's cursor, and the other's as last seen
  rt::Counter failed_;
};

shm::RingSpec spec_of(const Work& work) {
  const Geometry geometry(work);
  shm::RingSpec spec;
  spec.instance = fresh_name();
  spec.blocks = geometry.blocks;
  spec.block_bytes = geometry.block_bytes;
  shm::StreamEntry e{};
  shm::put_name(e.name, "bench");
  e.value_bytes = 8;
  e.channels = 4;
  e.stride = 32;
  e.capacity = static_cast<std::uint32_t>(geometry.block_bytes / e.stride);
  e.pool_blocks = 1;
  spec.streams = {e};
  spec.channels.resize(e.channels);
  for (auto& c : spec.channels) shm::put_name(c.name, "c");
  return spec;
}

/// As the feed writes and as the drain reads: it looks, reads in place, looks again, enters the block, and gives back an eighth of the ring
/// at a time.
class ChappeRing {
 public:
  explicit ChappeRing(const Work& work) : spec_(spec_of(work)), eighth_(spec_.blocks / 8), stride_(spec_.streams[0].stride) {}

  rt::Done connect() {
    auto ring = shm::RingWriter::open(spec_);
    if (!ring) return ring.error();
    writer_.emplace(std::move(*ring));
    auto ledger = shm::LedgerWriter::open(spec_.instance, *writer_, {});
    if (!ledger) return ledger.error();
    ledger_.emplace(std::move(*ledger));
    ledger_->repair(*writer_);
    entry_ = &ledger_->entry(0);
    return rt::done();
  }
  rt::Done begin() {
    keeper_.emplace(*writer_, shm::kAggregatorGate);
    keeper_->take_over();
    writer_->open_for_business();
    return rt::done();
  }
  std::byte* next() noexcept {
    while (keeper_->may_pass() != shm::Passage::open) rest();
    return writer_->begin();
  }
  void commit(std::uint64_t used) noexcept {
    const std::uint64_t frames = used / stride_;
    entry_->acquired.add(frames);
    entry_->filled.add(frames);
    entry_->handed.add(frames);
    writer_->commit({.stream = 0,
                     .frames = static_cast<std::uint32_t>(frames),
                     .generation = 1,
                     .first_frame = written_,
                     .drops = 0,
                     .committed = entry_->committed.get() + frames,
                     .t_first_ns = 0,
                     .acquired_ns = 0,
                     .period_ns = 0});
    written_ += frames;
    entry_->committed.add(frames);
    keeper_->published();
  }
  void ring() noexcept { keeper_->ring(); }

  rt::Done attach() {
    auto ring = shm::RingReader::open(spec_.instance);
    if (!ring) return ring.error();
    if (!*ring) return rt::Error{EX_SOFTWARE, "no ring " + spec_.instance};
    reader_.emplace(std::move(**ring));
    auto gate = shm::GateHolder::open(spec_.instance, *reader_, shm::kAggregatorGate);
    if (!gate) return gate.error();
    if (!*gate) return rt::Error{EX_SOFTWARE, "no gates of " + spec_.instance};
    holder_.emplace(std::move(**gate));
    next_ = given_back_ = head_ = holder_->attach(*reader_, 0);
    return rt::done();
  }
  /// A block that is not whole is seen as an empty one: with a consumer at the gate it is a fault of the ring.
  bool look(std::span<const std::byte>& seen) noexcept {
    if (head_ == next_) head_ = reader_->head();
    if (head_ == next_) return false;
    const std::byte* payload = nullptr;
    if (reader_->look(next_, block_, payload)) seen = {payload, std::size_t{block_.frames} * stride_};
    return true;
  }
  bool done() noexcept {
    if (!reader_->still(next_)) return false;
    shm::enter_block(account_, block_);
    if (++next_ - given_back_ >= eighth_) holder_->release(given_back_ = next_);
    return account_.overrun == 0;
  }
  void sleep() noexcept { holder_->sleep_until(rt::monotonic_ns() + kHeartbeat); }

  void close(Role role) {
    if (role != Role::producer) return;
    ledger_->unlink();
    writer_->unlink();
  }
  void clean() const {
    for (const char* kind : {"ring", "ring.draining", "gates", "ledger"}) unlink(shm::object_path(spec_.instance, kind).c_str());
  }

 private:
  shm::RingSpec spec_;
  std::uint64_t eighth_, stride_;
  // The producer's.
  std::optional<shm::RingWriter> writer_;
  std::optional<shm::LedgerWriter> ledger_;
  std::optional<shm::GateKeeper> keeper_;
  shm::LedgerEntry* entry_ = nullptr;
  std::uint64_t written_ = 0;  ///< frames
  // The consumer's.
  std::optional<shm::RingReader> reader_;
  std::optional<shm::GateHolder> holder_;
  shm::BoardStream account_{};
  shm::BlockHead block_;
  std::uint64_t next_ = 0, given_back_ = 0, head_ = 0;
};

template <class Ring>
Made make(const Work& work) {
  return std::unique_ptr<Transport>(std::make_unique<RingTransport<Ring>>(work));
}

}  // namespace

Made make_bare(const Work& work) { return make<BareRing>(work); }
Made make_chappe(const Work& work) { return make<ChappeRing>(work); }

}  // namespace chappe::bench
