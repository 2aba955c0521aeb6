# Starman with --preload-app runs this in its master.
use strict;
use warnings;
use Redis;

require "$ENV{APPLICATIONS}/redis.pl";
Worker::redis_in_master('Redis');
my $master = $$;

END { print STDERR Worker::last_words() if $$ == $master }

sub { [200, ['Content-Type' => 'text/plain'], [Worker::hgets()]] };
