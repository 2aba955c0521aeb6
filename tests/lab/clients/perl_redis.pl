# Perl Redis without any timeout: does one thing, says what came of it, and after an error works
# again as soon as it can. The lab calls it as: perl_redis.pl HOST PORT brpop|get|connect QUEUE
use strict;
use warnings;
use Redis;
use Time::HiRes 'sleep';

my ($host, $port, $what, $queue) = @ARGV;
$| = 1;

sub say_event {
    my ($event, $text) = @_;
    $text =~ s/,? at \/\S+ line \d+.*//s;
    $text =~ s/\s+/ /g;
    print "$event $text\n";
}

sub connection {
    return Redis->new(server => "$host:$port");
}

sub work_again {
    until (eval { connection()->incr('work'); 1 }) {
        sleep 0.05;
    }
    say_event('back', '');
}

my $id = eval {
    my $redis = $what eq 'connect' ? undef : connection();
    say_event('ready', $redis ? $redis->client('ID') : '');
    if ($what eq 'brpop') {
        $redis->brpop($queue, 0);
    } else {
        <STDIN>;
        $redis ||= connection();
        $redis->get('key');
    }
    $redis->client('ID');
};
if ($id) {
    say_event('done', $id);
} else {
    say_event('lost', $@);
    work_again();
}
