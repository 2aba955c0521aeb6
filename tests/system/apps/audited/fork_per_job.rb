# A worker that forks for its job, as Resque does, on a connection of its own before.
require "redis"

redis = Redis.new(port: ENV["PORT"].to_i, inherit_socket: true)
redis.ping
fork do
  begin
    redis.ping
  rescue Redis::BaseConnectionError
    Redis.new(port: ENV["PORT"].to_i).ping
  end
  puts "worker=0 ready"
  $stdout.flush
  sleep
end
sleep
