// The consumer of a torture run, an aggregator in one thread: its steps in one file, what it checks in another.
#pragma once
#include <unistd.h>

#include <optional>

#include "shm/board.hpp"
#include "shm/gate.hpp"
#include "shm/ledger.hpp"
#include "torture_ring.hpp"

namespace chappe::shm::torture {

class Consumer {
 public:
  Consumer(const Start& start, Shared& shared) : instance_(start.instance), shared_(shared), seat_(shared.consumer) {}
  void run();

 private:
  [[noreturn]] void fail(const std::string& text) {
    shared_.tell("consumer: %s", text.c_str());
    _exit(1);
  }
  [[nodiscard]] bool told() const noexcept { return seat_.told.load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] std::string path(const char* kind) const { return object_path(instance_, kind); }
  void open_board(const RingTables* ring);
  bool find_ring();
  bool is_finished(const RingReader& ring);
  [[nodiscard]] std::vector<std::optional<BoardTotals>> totals_now() const;
  bool begin_session(RingReader ring, bool retired);
  void drain();
  void attach();
  void note_skip();
  std::uint32_t do_work();
  void take_block(std::uint64_t number);
  void publish();
  bool reached_the_end();
  void idle();
  void hand_over_totals();

  // What must not happen.
  void check_attach(std::uint64_t upto);
  void refuse(std::uint64_t number);
  void check_block(std::uint64_t number, const BlockHead& block, const BoardStream& before);
  void check_publication();
  void judge_silence(std::uint64_t starts, std::uint64_t bells);

  std::string instance_;
  Shared& shared_;
  Seat& seat_;
  std::optional<BoardWriter> board_;
  std::optional<RingReader> ring_;
  std::optional<GateHolder> gate_;  ///< none on a retired ring
  std::vector<std::size_t> board_stream_;
  std::uint64_t next_ = 0, read_ahead_ = 1;
  std::int64_t first_unpublished_ns_ = 0;
  bool finished_ = false;
};

}  // namespace chappe::shm::torture
