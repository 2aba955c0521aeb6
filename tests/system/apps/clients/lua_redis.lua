-- lua_redis.lua SCENARIO
--
-- What a master in Lua and its forked children do with one connection of lua-redis, which never
-- reconnects by itself: the program does, after an error. Plain Lua has no fork: lua-posix has. The
-- scenarios are those of clients.c, which says what each prints.
local posix = require('posix')
local redis = require('redis')

local patience = tonumber(os.getenv('PATIENCE'))
local client

local function connect()
    client = redis.connect(os.getenv('REDIS_HOST'), tonumber(os.getenv('REDIS_PORT')))
    client:auth(os.getenv('REDIS_PASSWORD'))
    client:select(os.getenv('REDIS_DATABASE'))
end

for name, words in pairs({ begin = 'MULTI', commit = 'EXEC', client_id = 'CLIENT' }) do
    redis.commands[name] = redis.command(words)
end

local function say(name, value)
    posix.write(1, name .. ' ' .. tostring(value) .. '\n')
end

-- What the call returns, or that there was an error. SIGALRM ends the process if it does neither.
local function outcome(call, times_patience)
    posix.alarm((times_patience or 1) * patience)
    local done, value = pcall(call)
    posix.alarm(0)
    if done then
        return value
    end
    connect()
    return 'error'
end

local function answer(key)
    return outcome(function()
        return client:get(key) == key and 'right' or 'wrong'
    end)
end

local function set(key)
    return outcome(function()
        local reply = client:set(key, '1')
        if type(reply) == 'table' and reply.queued then
            return 'queued'
        end
        return reply == true and 'ok' or 'wrong'
    end)
end

local function work(worker)
    for get = 0, tonumber(os.getenv('GETS')) - 1 do
        local found = answer('key:' .. worker .. ':' .. get)
        if get == 0 then
            say('first', found)
        end
        if found ~= 'right' then
            say('reply', found)
        end
    end
    say('database', outcome(function() return client:get('where') end))
end

local function start(job)
    local child = posix.fork()
    if child == 0 then
        job()
        os.exit(0)
    end
    return child
end

local function say_how_it_ended(reason, number)
    if reason == 'killed' then
        say('child', number == posix.SIGALRM and 'stuck' or 'killed by ' .. number)
    elseif number ~= 0 then
        say('child', 'exit ' .. number)
    end
end

local function wait_for(children)
    for _, child in ipairs(children) do
        local _, reason, number = posix.wait(child)
        say_how_it_ended(reason, number)
    end
end

local function id()
    return client:client_id('ID')
end

local function say_whose(before)
    say('master', outcome(function() return id() == before and 'same' or 'other' end))
end

local scenarios = {}

function scenarios.gets()
    local before = id()
    local children = {}
    for worker = 0, tonumber(os.getenv('WORKERS')) - 1 do
        table.insert(children, start(function() work(worker) end))
    end
    wait_for(children)
    say_whose(before)
end

function scenarios.pop()
    local before = id()
    local child = start(function()
        io.read()
        work(0)
        say('worked', set('worked'))
    end)
    say('popped', outcome(function() return table.concat(client:blpop('queue', 0), ' ') end, 2))
    wait_for({ child })
    say_whose(before)
end

function scenarios.multi()
    local before = id()
    client:begin()
    set('of-master')
    wait_for({ start(function() say('child', set('of-child')) end) })
    say('transaction', outcome(function() return #client:commit() end))
    say_whose(before)
end

-- The numbers that the messages bear.
local function numbers()
    local next_message = client:pubsub({ subscribe = { os.getenv('CHANNEL') } })
    return function()
        local message
        repeat
            posix.alarm(2 * patience)
            message = next_message()
        until message.kind == 'message'
        return tonumber(message.payload)
    end
end

-- Counts up to the first message after the child's end: it may have taken any before that.
local function lost_until_end_of(child, hear, last)
    local lost, ended = 0, false
    for number in hear do
        lost = lost + number - last - 1
        last = number
        if ended then
            return lost
        end
        local pid, reason, status = posix.wait(child, posix.WNOHANG)
        ended = pid == child
        if ended then
            say_how_it_ended(reason, status)
        end
    end
end

function scenarios.subscribe()
    local hear = numbers()
    local last = hear()
    local child = start(function()
        say('child', outcome(function() return hear() and 'heard' end, 2))
    end)
    say('forked', 'yes')
    say('lost', outcome(function() return lost_until_end_of(child, hear, last) end, 2))
end

say('version', (redis._VERSION:gsub('redis%-lua ', '')))
say('login', 'program')
connect()
scenarios[arg[1]]()
