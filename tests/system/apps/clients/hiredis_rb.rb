# hiredis_rb.rb SCENARIO
require 'hiredis'
require_relative 'scenarios'

# It knows neither AUTH nor SELECT, nor how to reconnect: the program does that after an error.
class OverHiredis
  def initialize
    connect
  end

  def get(key)
    ask('GET', key)
  end

  def set(key, value)
    ask('SET', key, value).downcase
  end

  def id
    ask('CLIENT', 'ID')
  end

  def follow(channel)
    ask('SUBSCRIBE', channel)
    loop { yield @connection.read[2] }
  end

  def pop(list)
    ask('BLPOP', list, '0').join(' ')
  end

  def begin
    ask('MULTI')
  end

  def commit
    ask('EXEC')
  end

  private

  def connect
    @connection = Hiredis::Connection.new
    @connection.connect(ENV.fetch('REDIS_HOST'), ENV.fetch('REDIS_PORT').to_i)
    @connection.write(['AUTH', ENV.fetch('REDIS_PASSWORD')])
    @connection.write(['SELECT', ENV.fetch('REDIS_DATABASE')])
    2.times { @connection.read }
  end

  def ask(*words)
    @connection.write(words)
    @connection.read
  rescue SystemCallError, EOFError
    connect
    raise
  end
end

say('login', 'program')
run(Hiredis::VERSION, OverHiredis.new, ARGV[0])
