# Connects in unicorn's master, before the fork.
require "redis"

redis = Redis.new(port: ENV["PORT"].to_i, inherit_socket: true)
redis.ping
run ->(_) { [200, {}, [redis.echo("ok")]] }
