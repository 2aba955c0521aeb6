<?php
/* A request to php-fpm. */
header('Content-Type: text/plain');
echo hgets(connect_to_redis('pconnect'));
