# What the Perl servers here share: the connection that their master opens too early, and the answer
# of a worker, which waits until all workers have come, so that all speak at once, then asks for half
# a second for fields whose value it knows. The master's last command is one that no worker says.
package Worker;

use strict;
use warnings;
use Time::HiRes qw(sleep time);

my ($meeting, $workers) = @ENV{qw(MEETING WORKERS)};
my ($redis, $opened);

sub redis_in_master {
    $redis  = shift->new(server => "127.0.0.1:$ENV{REDIS_PORT}", reconnect => 5);
    $opened = $redis->client_id;
    $redis->client_setname('master');
}

sub meet_all_workers {
    open my $file, '>', "$meeting/$$" or die "$meeting/$$: $!";
    sleep 0.002 until (() = glob "$meeting/*") >= $workers;
}

sub hgets {
    my %tally = (right => 0, wrong => 0, errors => 0);
    meet_all_workers();
    my $end = time + 0.5;
    for (my $n = $$; time < $end; $n++) {
        my $field = $n % 1000;
        my $reply = eval { $redis->hget('proxy', $field) };
        $tally{$@ ? 'errors' : ($reply // '') eq "value-$field" ? 'right' : 'wrong'}++;
    }
    my $id = eval { $redis->client_id } // 'lost';
    return "pid=$$ client=$id right=$tally{right} wrong=$tally{wrong} errors=$tally{errors}\n";
}

sub last_words {
    my $id = eval { $redis->client_id } // 'lost';
    return 'master: ' . ($id eq $opened ? 'same connection' : "$opened, then $id") . "\n";
}

1;
