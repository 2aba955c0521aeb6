# What Perl does with processes, pipes and sockets, as Test::More says it. Run by third_party.c, bare
# and guarded, with the port of a Redis server on the loopback in REDIS_PORT.
use strict;
use warnings;
use Test::More;
use Fcntl qw(F_DUPFD F_GETFD F_SETFD FD_CLOEXEC);
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IPC::Open3;
use POSIX qw(:sys_wait_h);
use Socket;
use Symbol qw(gensym);

sub slurp { local $/; my ($handle) = @_; return scalar readline $handle }

my @children = map {
    my $status = $_;
    my $child = fork // die "fork: $!";
    exit $status if $child == 0;
    $child;
} 1 .. 20;
is_deeply([map { waitpid($_, 0); $? >> 8 } @children], [1 .. 20], 'twenty children, in order');

is(`echo backticks`, "backticks\n", 'backticks');
is(system('sh', '-c', 'exit 3') >> 8, 3, 'system');
open(my $from, '-|', 'seq 1 1000') or die;
is(scalar(my @lines = <$from>), 1000, 'open from a command');
ok(close $from, 'which ended well');

my $pid = open(my $child, '-|') // die;
if (!$pid) { print 'from the child'; POSIX::_exit(0) }
is(slurp($child), 'from the child', 'fork by open');
close $child;

my $err = gensym;
my $three = open3(my $in, my $out, $err, 'sh', '-c', 'cat; echo bad >&2; exit 5');
print $in "good\n";
close $in;
is(slurp($out), "good\n", 'open3: output');
is(slurp($err), "bad\n", 'open3: error');
waitpid $three, 0;
is($? >> 8, 5, 'open3: status');

open(my $saved, '>&', \*STDOUT) or die;
close STDOUT;
open(STDOUT, '>', \my $memory) or die;
print 'captured';
close STDOUT;
open(STDOUT, '>&', $saved) or die;
is($memory, 'captured', 'standard output given away and taken back');

my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
my $echo = fork // die;
if (!$echo) {
    my $peer = $listener->accept;
    print $peer uc while <$peer>;
    POSIX::_exit(0);
}
my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listener->sockport) or die;
print $client "hello\n";
is(scalar(<$client>), "HELLO\n", 'a forked server answers');
setsockopt($client, SOL_SOCKET, SO_KEEPALIVE, 1);
is(unpack('i', getsockopt($client, SOL_SOCKET, SO_KEEPALIVE)), 1, 'an option of a stranger is set');
setsockopt($client, SOL_SOCKET, SO_KEEPALIVE, 0);
is(unpack('i', getsockopt($client, SOL_SOCKET, SO_KEEPALIVE)), 0, 'and taken back');
my $high = fcntl($client, F_DUPFD, 40);
cmp_ok($high, '>=', 40, 'F_DUPFD');
POSIX::close($high);
close $client;
waitpid $echo, 0;
is($?, 0, 'and goes when its client does');

my $redis = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $ENV{REDIS_PORT}) or die;
for my $round (1 .. 20) {
    my $other = fork // die;
    POSIX::_exit(0) if !$other;
    print $redis "ECHO round$round\r\n";
    my $length = <$redis>;
    my $word = <$redis>;
    waitpid $other, 0;
    $word eq "round$round\r\n" or fail("round $round");
}
pass('twenty questions to Redis while children come and go');

my @got;
$SIG{CHLD} = sub { while ((my $gone = waitpid(-1, WNOHANG)) > 0) { push @got, $gone } };
my $quick = fork // die;
POSIX::_exit(0) if !$quick;
IO::Select->new->can_read(0.01) until @got;
is($got[0], $quick, 'SIGCHLD is handled');
$SIG{CHLD} = 'DEFAULT';

$! = 0;
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 1), 'nobody is at port 1');
is($! + 0, POSIX::ECONNREFUSED(), 'says errno');

done_testing;
