# redis.pl Redis|Redis::Fast SCENARIO
#
# Both Perl clients, whose methods are alike: what a master and its forked children do with one
# connection. The scenarios are those of clients.c, which says what each prints.
use strict;
use warnings;
use POSIX qw(:sys_wait_h);

my ($class, $scenario) = @ARGV;
eval "require $class" or die $@;

# Redis::Fast, told to reconnect, does so where it was subscribed, but does not subscribe again: it
# would wait for ever.
sub connected {
    $ENV{SSL_CERT_FILE} = $ENV{REDIS_CA} if $ENV{REDIS_CA}; # it takes no argument for this
    return $class->new(
        server     => "$ENV{REDIS_HOST}:$ENV{REDIS_PORT}",
        password   => $ENV{REDIS_PASSWORD},
        reconnect  => $scenario eq 'subscribe' ? 0 : 1,
        on_connect => sub { $_[0]->select($ENV{REDIS_DATABASE}) },
        ssl        => $ENV{REDIS_CA} ? 1 : 0,
    );
}

sub say_ {
    my ($name, $value) = @_;
    syswrite STDOUT, "$name $value\n";
    return;
}

# What the call returns, or that it died. SIGALRM ends the process if it does neither.
sub outcome {
    my ($call, $times_patience) = @_;
    alarm(($times_patience // 1) * $ENV{PATIENCE});
    my $value = eval { $call->() };
    my $died  = $@;
    alarm 0;
    return $died ? 'died' : $value // 'nothing';
}

sub answer {
    my ($redis, $key) = @_;
    return outcome(sub { ($redis->get($key) // '') eq $key ? 'right' : 'wrong' });
}

sub work {
    my ($redis, $worker) = @_;
    for my $get (0 .. $ENV{GETS} - 1) {
        my $found = answer($redis, "key:$worker:$get");
        say_('first', $found) if $get == 0;
        say_('reply', $found) if $found ne 'right';
    }
    say_('database', outcome(sub { $redis->get('where') }));
    return;
}

sub start {
    my ($work) = @_;
    my $child = fork // die "fork: $!";
    if ($child == 0) {
        $work->();
        exit 0;
    }
    return $child;
}

sub say_how_it_ended {
    my ($status) = @_;
    my $signal = $status & 127;
    say_('child', $signal == POSIX::SIGALRM ? 'stuck' : "killed by $signal") if $signal;
    say_('child', 'exit ' . ($status >> 8)) if $status >> 8;
    return;
}

sub wait_for {
    for my $child (@_) {
        waitpid $child, 0;
        say_how_it_ended($?);
    }
    return;
}

sub id {
    return $_[0]->client_id;
}

sub say_whose {
    my ($redis, $before) = @_;
    say_('master', outcome(sub { id($redis) eq $before ? 'same' : 'other' }));
    return;
}

sub set {
    my ($redis, $key) = @_;
    return outcome(sub { lc $redis->set($key, '1') });
}

my %scenarios = (
    gets => sub {
        my ($redis) = @_;
        my $before = id($redis);
        my @workers = 0 .. $ENV{WORKERS} - 1;
        wait_for(map { my $worker = $_; start(sub { work($redis, $worker) }) } @workers);
        say_whose($redis, $before);
    },
    pop => sub {
        my ($redis) = @_;
        my $before = id($redis);
        my $child = start(sub {
            scalar <STDIN>;
            work($redis, 0);
            say_('worked', set($redis, 'worked'));
        });
        say_('popped', outcome(sub { join ' ', $redis->blpop('queue', 0) }, 2));
        wait_for($child);
        say_whose($redis, $before);
    },
    multi => sub {
        my ($redis) = @_;
        my $before = id($redis);
        $redis->multi;
        set($redis, 'of-master');
        wait_for(start(sub { say_('child', set($redis, 'of-child')) }));
        say_('transaction', outcome(sub { scalar(my @replies = $redis->exec) }));
        say_whose($redis, $before);
    },
    subscribe => sub {
        my ($redis) = @_;
        my ($child, $ended, $last, $lost) = (undef, 0, 0, 0);
        my $hear = sub {
            my ($number) = @_;
            if (!defined $child) {
                $last  = $number;
                $child = fork // die "fork: $!";
                say_('forked', 'yes') if $child;
                alarm 2 * $ENV{PATIENCE};
                return;
            }
            if ($child == 0) {
                say_('child', 'heard');
                exit 0;
            }
            $lost += $number - $last - 1;
            $last = $number;
            if ($ended) { # so this message came after all that the child may have taken
                say_('lost', $lost);
                exit 0;
            }
            $ended = waitpid($child, WNOHANG) == $child;
            say_how_it_ended($?) if $ended;
            alarm 2 * $ENV{PATIENCE};
        };
        my $end = outcome(sub {
            $redis->subscribe($ENV{CHANNEL}, $hear);
            $redis->wait_for_messages(1) while 1;
        }, 2);
        say_($child ? 'lost' : 'child', $end);
    },
);

say_('version', $class->VERSION);
$scenarios{$scenario}->(connected());
