# Puma with preload_app! runs this in its master, before it forks its workers. A worker waits until
# all workers have come, so that all speak at once, then asks for half a second for fields whose
# value it knows. The master's last command is one that no worker says.
require 'redis'

MASTER = Process.pid
REDIS = Redis.new(host: '127.0.0.1', port: ENV['REDIS_PORT'].to_i, timeout: ENV['READ_TIMEOUT'].to_f,
                  inherit_socket: ENV['INHERIT_SOCKET'] == 'yes')
OPENED = REDIS.call('CLIENT', 'ID')
REDIS.call('CLIENT', 'SETNAME', 'master')

def client_id
  REDIS.call('CLIENT', 'ID')
rescue StandardError # a reply that is somebody else's may end in any
  'lost'
end

def meet_all_workers
  File.write("#{ENV['MEETING']}/#{Process.pid}", '')
  sleep 0.002 until Dir.children(ENV['MEETING']).size >= ENV['WORKERS'].to_i
end

def count(field, tally)
  tally[REDIS.hget('proxy', field) == "value-#{field}" ? :right : :wrong] += 1
rescue StandardError
  tally[:errors] += 1
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

def hgets
  tally = { right: 0, wrong: 0, errors: 0 }
  meet_all_workers
  finish = now + 0.5
  number = Process.pid
  count((number += 1) % 1000, tally) while now < finish
  "pid=#{Process.pid} client=#{client_id} #{tally.map { |name, n| "#{name}=#{n}" }.join(' ')}\n"
end

at_exit do
  id = Process.pid == MASTER && client_id
  warn "master: #{id == OPENED ? 'same connection' : "#{OPENED}, then #{id}"}" if id
end

run ->(_request) { [200, { 'Content-Type' => 'text/plain' }, [hgets]] }
