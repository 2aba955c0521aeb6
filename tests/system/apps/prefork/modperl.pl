# PerlRequire: Apache's master runs this at its start. Its client looks after connections that the
# server has closed, as a client must, but not at the process that it is in.
use strict;
use warnings;

package RespClient;

use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVTIMEO);

sub new {
    my ($class, %options) = @_;
    return bless { server => $options{server} }, $class;
}

sub connected {
    my ($self) = @_;
    return $self->{socket} //= do {
        my $socket = IO::Socket::INET->new($self->{server}) or die "$self->{server}: $!";
        setsockopt $socket, SOL_SOCKET, SO_RCVTIMEO, pack('l!l!', 0, 300_000);
        $socket;
    };
}

sub reply {
    my ($socket) = @_;
    defined(my $line = readline $socket) or return;
    $line =~ s/\r\n\z//;
    return $line unless $line =~ s/\A\$//;
    read($socket, my $value, $line + 2) == $line + 2 or return;
    return substr $value, 0, $line;
}

sub command {
    my ($self, @words) = @_;
    for my $attempt (1, 2) {
        my $socket = $self->connected;
        my @parts = map { '$' . length($_) . "\r\n$_\r\n" } @words;
        print {$socket} '*', scalar @words, "\r\n", @parts;
        $socket->flush;
        my $reply = reply($socket);
        return $reply if defined $reply;
        delete $self->{socket};
    }
    die "no reply to @words\n";
}

sub hget           { my $self = shift; $self->command('HGET', @_) }
sub client_id      { shift->command('CLIENT', 'ID') =~ s/\A://r }
sub client_setname { my $self = shift; $self->command('CLIENT', 'SETNAME', @_) }

package Prefork;

use Apache2::RequestIO  ();
use Apache2::RequestRec ();
use Apache2::ServerUtil ();
use Apache2::Const -compile => 'OK';

require "$ENV{APPLICATIONS}/redis.pl";
Worker::redis_in_master('RespClient');
Apache2::ServerUtil::server_shutdown_cleanup_register(sub { print STDERR Worker::last_words() });

sub handler {
    my ($request) = @_;
    $request->content_type('text/plain');
    $request->print(Worker::hgets());
    return Apache2::Const::OK;
}

1;
