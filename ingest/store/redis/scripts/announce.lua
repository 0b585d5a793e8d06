-- A consumer is alive until some time; those that have been dead for an hour are forgotten.
call('HSET', key('consumers'), args.name, args.status)
call('ZADD', key('alive'), args.over, args.name)
for _, name in ipairs(call('ZRANGEBYSCORE', key('alive'), '-inf', args.now - 3600)) do
  call('ZREM', key('alive'), name)
  call('HDEL', key('consumers'), name)
end
