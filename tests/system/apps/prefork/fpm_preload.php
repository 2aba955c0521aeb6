<?php
/* opcache.preload: php-fpm's master runs this before it forks its workers. The object is gone when
 * it ends, the connection is not: it went back to the pool of pconnect. */
require __DIR__ . '/hgets.php';
connect_to_redis('pconnect')->client('setname', 'master');
