// A small ring of its own for each test: one stream of two f64 channels, eight blocks of 4 KiB.
#pragma once
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "shm/gate.hpp"
#include "shm/ring.hpp"

namespace chappe::shm {

class RingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    instance_ = "t" + std::to_string(getpid()) + "-" + std::to_string(std::hash<std::string>{}(test->name()) % 100000);
  }
  void TearDown() override {
    for (const char* kind : {"ring", "gates", "ledger", "board", "analysis", "alarms", "ring.draining"})
      unlink(object_path(instance_, kind).c_str());
  }
  [[nodiscard]] RingSpec spec(std::uint32_t channels = 2) const {
    RingSpec s;
    s.instance = instance_;
    s.blocks = 8;
    s.block_bytes = 4096;
    StreamEntry e{};
    put_name(e.name, "proof");
    e.value_bytes = 8;
    e.channels = channels;
    e.stride = 8 * channels;
    e.capacity = 16;
    e.pool_blocks = 1;
    s.streams = {e};
    s.channels.resize(channels);
    for (auto& c : s.channels) put_name(c.name, "c");
    return s;
  }
  [[nodiscard]] RingWriter make() const {
    auto ring = RingWriter::open(spec());
    if (!ring) ADD_FAILURE() << ring.error().text;
    return std::move(*ring);
  }
  [[nodiscard]] RingReader read() const {
    auto ring = RingReader::open(instance_);
    if (!ring) ADD_FAILURE() << ring.error().text;
    return std::move(**ring);
  }
  [[nodiscard]] GateHolder hold(const RingReader& reader) const {
    auto gate = GateHolder::open(instance_, reader, kAggregatorGate);
    if (!gate || !*gate) ADD_FAILURE() << "no gate";
    return std::move(**gate);
  }
  /// Commits one block whose frames all hold `value`.
  static void put(RingWriter& ring, std::uint64_t value, std::uint32_t frames = 4) {
    auto* words = reinterpret_cast<std::uint64_t*>(ring.begin());
    for (std::uint32_t i = 0; i < 2 * frames; ++i) words[i] = value;
    BlockHead head;
    head.frames = frames;
    head.first_frame = value * frames;
    head.committed = (value + 1) * frames;
    ring.commit(head);
  }
  std::string instance_;
};

}  // namespace chappe::shm
