// iceoryx, untyped: chunks are loaned, filled and read in place. The producer waits for the consumer, so that nothing is lost.
#include <unistd.h>

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/mepoo/chunk_header.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <optional>

#include "bench/kinds.hpp"
#include "bench/loops.hpp"
#include "bench/roudi.hpp"

namespace chappe::bench {
namespace {

constexpr std::int64_t kConnectWithin = 5 * rt::kSecond;

class Iceoryx final : public Looped<Iceoryx> {
 public:
  explicit Iceoryx(const Work& work) : bytes_(static_cast<std::uint32_t>(work.bytes)) {}
  rt::Done start() { return roudi_.start(); }

  rt::Done connect() override {
    start_runtime("producer");
    iox::popo::PublisherOptions options;
    options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
    publisher_.emplace(iox::capro::ServiceDescription{"chappe", "bench", "messages"}, options);
    return rt::done();
  }
  rt::Done attach() override {
    start_runtime("consumer");
    iox::popo::SubscriberOptions options;
    options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
    subscriber_.emplace(iox::capro::ServiceDescription{"chappe", "bench", "messages"}, options);
    wait_set_.emplace();
    if (wait_set_->attachState(*subscriber_, iox::popo::SubscriberState::HAS_DATA).has_error())
      return rt::Error{EX_SOFTWARE, "iceoryx: the subscriber does not go into the wait set"};
    const auto subscribed = [this] { return subscriber_->getSubscriptionState() == iox::SubscribeState::SUBSCRIBED; };
    if (!rt::wait_until(rt::monotonic_ns() + kConnectWithin, subscribed))
      return rt::Error{EX_UNAVAILABLE, "iceoryx: not subscribed after 5 s"};
    return rt::done();
  }
  rt::Done begin() override {
    if (!rt::wait_until(rt::monotonic_ns() + kConnectWithin, [this] { return publisher_->hasSubscribers(); }))
      return rt::Error{EX_UNAVAILABLE, "iceoryx: no subscriber after 5 s"};
    return rt::done();
  }
  void close(Role) override {
    wait_set_.reset();
    subscriber_.reset();
    publisher_.reset();
  }
  void clean() override { roudi_.stop(); }

  std::byte* room() noexcept {
    auto loaned = publisher_->loan(bytes_);
    chunk_ = loaned.has_error() ? nullptr : loaned.value();
    return static_cast<std::byte*>(chunk_);
  }
  bool send() noexcept {
    publisher_->publish(chunk_);
    return true;
  }
  static bool flush() noexcept { return true; }
  std::span<const std::byte> receive(Wait wait) noexcept {
    taken_ = nullptr;
    const auto ready = [this] {
      auto taken = subscriber_->take();
      if (!taken.has_error()) taken_ = taken.value();
      return taken_ != nullptr;
    };
    await(wait, ready, [this] { wait_set_->wait(); });
    return {static_cast<const std::byte*>(taken_), iox::mepoo::ChunkHeader::fromUserPayload(taken_)->userPayloadSize()};
  }
  bool done() noexcept {
    subscriber_->release(taken_);
    return true;
  }

 private:
  static void start_runtime(const char* side) {
    iox::log::LogManager::GetLogManager().SetDefaultLogLevel(iox::log::LogLevel::kError, iox::log::LogLevelOutput::kHideLogLevel);
    const std::string name = "chappe-bench-" + std::to_string(getpid()) + "-" + side;
    iox::runtime::PoshRuntime::initRuntime({iox::cxx::TruncateToCapacity, name});
  }

  std::uint32_t bytes_;
  Roudi roudi_;
  std::optional<iox::popo::UntypedPublisher> publisher_;
  std::optional<iox::popo::UntypedSubscriber> subscriber_;
  std::optional<iox::popo::WaitSet<>> wait_set_;
  void* chunk_ = nullptr;
  const void* taken_ = nullptr;
};

}  // namespace

Made make_iceoryx(const Work& work) {
  auto made = std::make_unique<Iceoryx>(work);
  if (auto started = made->start(); !started) return started.error();
  return std::unique_ptr<Transport>(std::move(made));
}

}  // namespace chappe::bench
