# redis_rb.rb SCENARIO
require 'redis'
require_relative 'scenarios'

class OverRedisRb
  def initialize
    ca = ENV.fetch('REDIS_CA')
    tls = ca.empty? ? {} : { ssl: true, ssl_params: { ca_file: ca } }
    @redis = Redis.new(host: ENV.fetch('REDIS_HOST'), port: ENV.fetch('REDIS_PORT').to_i,
                       password: ENV.fetch('REDIS_PASSWORD'), db: ENV.fetch('REDIS_DATABASE').to_i,
                       driver: :ruby, **tls)
  end

  def get(key)
    @redis.get(key)
  end

  def set(key, value)
    @redis.set(key, value).downcase
  end

  def id
    @redis.call('CLIENT', 'ID')
  end

  def follow(channel)
    @redis.subscribe(channel) { |on| on.message { |_, message| yield message } }
  end

  def pop(list)
    @redis.blpop(list).join(' ')
  end

  def begin
    @redis.call('MULTI')
  end

  def commit
    @redis.call('EXEC')
  end
end

run(Redis::VERSION, OverRedisRb.new, ARGV[0])
