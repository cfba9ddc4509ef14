// The thread that analyses windows: takes copies of blocks from the drain, and publishes what came of the windows that closed in them.
// Ordinary priority: when it cannot keep up, whole windows are skipped and counted, and the drain knows nothing of it.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "aggregator/blocks.hpp"
#include "aggregator/window_analysis.hpp"
#include "rt/counter.hpp"
#include "rt/thread.hpp"
#include "shm/analysis.hpp"

namespace chappe::aggregator {

/// What is analysed from a generation on, by stream of the ring.
struct AnalysisPlan {
  std::uint32_t generation = 1;
  std::vector<AnalysedStream> streams;
  std::vector<shm::ChannelEntry> channels;  ///< those of the streams, which have first_channel
  [[nodiscard]] bool is_on() const;
  /// Most that one block's frames take, calibrated ones as they are made.
  [[nodiscard]] std::size_t block_bytes() const;
};

class Analyst {
 public:
  /// Makes the object, then the thread, which calls `analysed` after each window if it is set.
  static rt::Result<std::unique_ptr<Analyst>> start(const std::string& instance, std::optional<gid_t> readers, Blocks& blocks,
                                                    AnalysisPlan plan, Analysed analysed = {});
  ~Analyst();
  /// Main's thread, before the drain hears of the generation: in force from the first block of it on.
  void follow(AnalysisPlan plan);
  /// Analyses what is there, and ends. The drain must have stopped.
  void finish();

 private:
  struct One {
    AnalysedStream stream;
    std::optional<StreamAnalysis> analysis;  ///< none: nothing is asked of this stream
    std::size_t index = 0;                   ///< in the object
  };
  Analyst(std::string instance, std::optional<gid_t> readers, Blocks& blocks, Analysed analysed);
  rt::Done adopt(AnalysisPlan plan);
  void adopt_up_to(std::uint32_t generation);
  void run();
  bool work();
  void publish();

  std::string instance_;
  std::optional<gid_t> readers_;
  Blocks* blocks_;
  Analysed analysed_;
  std::mutex mutex_;
  std::deque<AnalysisPlan> coming_;  ///< under mutex_
  // The thread's, once it runs.
  std::uint32_t generation_ = 0;
  std::vector<One> streams_;
  std::optional<shm::AnalysisWriter> object_;
  std::uint64_t windows_ = 0, skipped_ = 0, blocks_before_ = 0;  ///< those of predecessors among them
  std::int64_t published_ns_ = 0;
  bool changed_ = false;
  rt::Flag stop_;
  rt::Thread thread_;
};

}  // namespace chappe::aggregator
