# What a master in Ruby and its forked children do with one connection, whatever the client: the
# scenarios of clients.c, which says what each prints. A client's own file gives run an object with
# get, set (ok or queued), id, follow (which yields each message), pop, begin and commit.

PATIENCE = ENV.fetch('PATIENCE').to_i

def say(name, value)
  $stdout.syswrite("#{name} #{value}\n")
end

# What the block returns, or the kind of error that it raises. SIGALRM ends the process if it does
# neither.
def outcome(times_patience = 1)
  be_patient(times_patience)
  yield
rescue StandardError => error
  error.class.name.split('::').last
ensure
  $deadline = nil
end

def answer(client, key)
  outcome { client.get(key) == key ? 'right' : 'wrong' }
end

def work(client, worker)
  ENV.fetch('GETS').to_i.times do |get|
    found = answer(client, "key:#{worker}:#{get}")
    say('first', found) if get.zero?
    say('reply', found) if found != 'right'
  end
  say('database', outcome { client.get('where') })
end

# Ruby has no alarm(2): a thread ends the process that is late. A child needs one of its own.
def be_patient(times)
  $deadline = now + times * PATIENCE
  return if $watch == Process.pid

  $watch = Process.pid
  Thread.new do
    loop do
      sleep(0.1)
      Process.kill(:ALRM, Process.pid) if $deadline && now > $deadline
    end
  end
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

def start(&job)
  fork(&job)
end

def say_how_it_ended(status)
  if status.signaled?
    say('child', status.termsig == Signal.list['ALRM'] ? 'stuck' : "killed by #{status.termsig}")
  elsif !status.success?
    say('child', "exit #{status.exitstatus}")
  end
end

def wait_for(*children)
  children.each { |child| say_how_it_ended(Process.wait2(child)[1]) }
end

def say_whose(client, before)
  say('master', outcome { client.id == before ? 'same' : 'other' })
end

# What a process hears, from the message on at which it forks: the messages are numbered.
class Listener
  def hear(number)
    return begin_with(number) unless @last
    return finish('child', 'heard') unless @child

    @lost += number - @last - 1
    @last = number
    # this message came after all that the child may have taken
    return finish('lost', @lost) if @ended

    look_after_child
  end

  def complain(error)
    say(@child ? 'lost' : 'child', error) unless @finished
  end

  private

  def begin_with(number)
    @last = number
    @lost = 0
    @child = fork
    say('forked', 'yes') if @child
  end

  def look_after_child
    @ended, status = Process.wait2(@child, Process::WNOHANG)
    say_how_it_ended(status) if @ended
  end

  def finish(name, value)
    @finished = true
    say(name, value)
    exit
  end
end

module Scenarios
  module_function

  def gets(client)
    before = client.id
    wait_for(*Array.new(ENV.fetch('WORKERS').to_i) { |worker| start { work(client, worker) } })
    say_whose(client, before)
  end

  def pop(client)
    before = client.id
    child = start do
      $stdin.gets
      work(client, 0)
      say('worked', outcome { client.set('worked', 'yes') })
    end
    say('popped', outcome(2) { client.pop('queue') })
    wait_for(child)
    say_whose(client, before)
  end

  def multi(client)
    before = client.id
    client.begin
    client.set('of-master', '1')
    wait_for(start { say('child', outcome { client.set('of-child', '1') }) })
    say('transaction', outcome { client.commit.length })
    say_whose(client, before)
  end

  def subscribe(client)
    listener = Listener.new
    trouble = outcome(2) do
      client.follow(ENV.fetch('CHANNEL')) do |message|
        listener.hear(message.to_i)
        be_patient(2)
      end
    end
    listener.complain(trouble)
  end
end

def run(version, client, scenario)
  say('version', version)
  Scenarios.public_send(scenario, client)
end
